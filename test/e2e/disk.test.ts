// A disk that fills up at any file of an ADD: it fails with an I/O error and takes back what it did, and DEL works.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { kernelSuite, run } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { call, changes, leftovers, makeWorld, state, succeed } from "../helpers/runtime.ts";
import { makeUplink, multiplexed, threeNetworks } from "../helpers/three-networks.ts";

const disk = kernelSuite("a full disk", import.meta.url, { needs: ["nft_nat", "macvlan", "ipv6"] });
/** More than an ADD of three networks makes. */
const roomMax = 40;

for (const [what, option] of [["for another file", "nr_inodes"], ["for another block", "nr_blocks"]] as const) {
  disk(`with no room ${what} ends ADD with an I/O error, everything undone`, () => {
    const world = makeWorld();
    try {
      makeUplink(world);
      const conf = threeNetworks(world);
      succeed(world, multiplexed("ADD", conf));
      succeed(world, multiplexed("DEL", conf));
      const before = kernelOnly(world);
      let failed = 0, room = 1;
      for (; room < roomMax; room++) {
        if (addOnSmallDisk(world, conf, `${option}=${room}`)) break;
        failed++;
        assert.equal(changes(before, kernelOnly(world)), [], `room for ${room}`);
      }
      assert.ok(failed > 3, `${failed} steps failed`);
      assert.ok(room < roomMax, `room for ${room} was not enough`);
    } finally {
      run("sh", "-c", `umount ${world.directory}/small 2>/dev/null; true`);
      world.remove();
    }
  });
}
disk("that fills up after ADD does not keep DEL from anything", () => {
  const world = makeWorld(), directory = join(world.directory, "small");
  try {
    makeUplink(world);
    mkdirSync(directory);
    run("mount", "-t", "tmpfs", "-o", "nr_blocks=60,nr_inodes=60", "tmpfs", directory);
    const conf = JSON.parse(JSON.stringify(threeNetworks(world)).replaceAll(world.directory, directory));
    const second = world.another();
    succeed(world, multiplexed("ADD", conf));
    succeed(world, multiplexed("ADD", conf, { containerId: "pod-2", netns: second.path }));
    run("sh", "-c", `cd ${directory}; dd if=/dev/zero of=fill bs=4096 2>/dev/null; i=0; while [ $i -lt 60 ]; do touch ` +
      "fill$i || break; i=$((i+1)); done 2>/dev/null; true");
    succeed(world, multiplexed("DEL", conf));
    assert.equal(leftovers(world, { container: world.container }).filter((what) => !what.startsWith("host link")), []);
    succeed(world, multiplexed("GC", { ...conf, "cni.dev/valid-attachments": [] }));
    assert.equal(leftovers(world), []);
    assert.equal(leftovers(world, { containerId: "pod-2", container: second }), []);
  } finally {
    run("sh", "-c", `umount ${directory} 2>/dev/null; true`);
    world.remove();
  }
});
disk("that is read-only lets DEL of an unknown container succeed, and is told with all that DEL could not do", () => {
  const world = makeWorld(), directory = join(world.directory, "small");
  try {
    makeUplink(world);
    mkdirSync(directory);
    run("mount", "-t", "tmpfs", "tmpfs", directory);
    const conf = JSON.parse(JSON.stringify(threeNetworks(world)).replaceAll(world.directory, directory));
    succeed(world, multiplexed("ADD", conf));
    run("mount", "-o", "remount,ro", directory);
    succeed(world, multiplexed("DEL", conf, { containerId: "pod-9", netns: "" }));
    const { status, json } = call(world, multiplexed("DEL", conf));
    assert.is(status, 1);
    const said = String(json?.msg);
    for (const what of ['network "lan"', 'network "back"', "scratch file", "EROFS"])
      assert.ok(said.includes(what), `${what}: ${said}`);
    assert.ok(said.split(" / ").length >= 4, said);
    assert.equal(leftovers(world, { container: world.container }).filter((what) => what.startsWith("container")), [],
      "the links are gone all the same");
    run("mount", "-o", "remount,rw", directory);
    succeed(world, multiplexed("DEL", conf));
  } finally {
    run("sh", "-c", `umount ${directory} 2>/dev/null; true`);
    world.remove();
  }
});
disk.run();

/** True when the ADD had room enough. */
function addOnSmallDisk(world: World, conf: object, options: string): boolean {
  const directory = join(world.directory, "small");
  mkdirSync(directory, { recursive: true });
  run("mount", "-t", "tmpfs", "-o", options, "tmpfs", directory);
  try {
    const there: object = JSON.parse(JSON.stringify(conf).replaceAll(world.directory, directory));
    const { status, json, stdout } = call(world, multiplexed("ADD", there));
    if (status === 0) {
      succeed(world, multiplexed("CHECK", there));
    } else {
      assert.is(json.code, 5, stdout);
      assert.match(json.msg, directory);
      assert.equal(leftovers(world), [], options);
    }
    succeed(world, multiplexed("DEL", there));
    assert.equal(leftovers(world), [], options);
    return status === 0;
  } finally {
    run("umount", directory);
  }
}

function kernelOnly(world: World): readonly string[] {
  return state(world).filter((line) => !line.startsWith("/files/"));
}
