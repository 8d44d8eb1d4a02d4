// The module of docs/authoring.md, written, built and installed as the page says, gives a pod its address; then it is tampered with.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { moduleCommand } from "../helpers/module-command.ts";
import { kernelSuite } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { call, leftovers, makeWorld, succeed } from "../helpers/runtime.ts";
import { multiplexed } from "../helpers/three-networks.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "authoring.md"), "utf8");

/** Makes the folder as the page does; gives the directory it was installed in. */
function authored({ directory }: World): string {
  const modules = join(directory, "modules");
  const typed = [["new", "web-pools"], ["build", "web-pools"], ["install", "web-pools/build/web-pools.wasm", "--dir", modules]] as const;
  for (const words of typed) {
    const { status, stderr } = moduleCommand(directory, ...words);
    assert.equal([status, stderr], [0, ""], words.join(" "));
    if (words[0] !== "new") continue;
    for (const [, name = "", content = ""] of page.matchAll(/^```\S+ file=(\S+)\n([^]*?)^```$/gm)) writeFileSync(join(directory, "web-pools", name), content);
  }
  return modules;
}

function confWith(directory: string, moduleDir: string, config: object): object {
  const ipam = { type: "web-pools", dataDir: join(directory, "networks"), ranges: [[{ subnet: "10.9.0.0/24" }]], config };
  return { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"), moduleDir, delegates: [{ cniVersion: "1.1.0", name: "blue", type: "bridge", bridge: "blue0", ipam }] };
}

const podNamed = (namespace: string, name: string) => ({ CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}` });

const suite = kernelSuite("a module as an author makes it", import.meta.url, { timeoutMs: 120_000 });

suite("gives a pod the address it chose, and takes no other bytes of its name", () => {
  const world = makeWorld();
  try {
    mkdirSync(world.directory, { recursive: true });
    const modules = authored(world);
    const conf = confWith(world.directory, modules, { top: ["db"] });

    for (const [namespace, address] of [["db", "10.9.0.254/24"], ["shop", "10.9.0.2/24"]] as const) {
      const env = podNamed(namespace, "web-0");
      const { json } = succeed(world, multiplexed("ADD", conf, { env }));
      assert.equal(json.ips.map(({ address }: any) => address), [address]);
      assert.ok(world.container.exec("ip", "-o", "addr", "show").includes(` ${address} `), address);
      succeed(world, multiplexed("DEL", conf, { env }));
      assert.equal(leftovers(world), []);
    }

    const refused = (what: object, env: Readonly<Record<string, string>>) => call(world, multiplexed("ADD", what, { env })).json;
    const wrongKey = refused(confWith(world.directory, modules, { topp: [] }), podNamed("db", "web-0"));
    assert.is(wrongKey.code, 7);
    assert.match(wrongKey.msg, "topp");
    const noPod = refused(conf, {});
    assert.is(noPod.code, 7);
    assert.match(noPod.msg, "pod");

    const file = join(modules, "web-pools.wasm");
    const bytes = readFileSync(file);
    rmSync(file);
    writeFileSync(file, Uint8Array.from(bytes, (byte, index) => (index === bytes.length - 3 ? byte ^ 1 : byte)));
    assert.is(refused(conf, podNamed("db", "web-0")).code, 141);
    assert.equal(leftovers(world), []);
  } finally {
    world.remove();
  }
});

suite.run();
