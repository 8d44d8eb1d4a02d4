// containerd's own tool with --cni: it reads the node's networks and calls plugins itself, with a task's namespace.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { addressesOf, fetchText, linksOf, makeUplinks, uplinks } from "../helpers/box-node.ts";
import { nothingLeft } from "../helpers/box-traces.ts";
import type { Box } from "../helpers/box.ts";
import { boxSuite, enterBox } from "../helpers/box.ts";
import type { Containerd } from "../helpers/containerd.ts";
import { containerdBuilds, containerdPrograms, image, startContainerd } from "../helpers/containerd.ts";
import type { TestNetns } from "../helpers/netns.ts";
import { attempt, run, until } from "../helpers/netns.ts";
import { ourPlugins } from "../helpers/three-networks.ts";
import { isLong } from "./form.ts";

const fixtures = { links: uplinks };

interface Task extends TestNetns {
  stop(): Promise<void>;
}

/** In `npm test` the build that the machine has. */
for (const build of containerdBuilds().slice(0, isLong ? undefined : 1)) {
  const tool = boxSuite(`ctr --cni of the ${build.name} containerd`, import.meta.url,
    { programs: containerdPrograms, needs: ["nft_nat", "macvlan", "ipv6"] });

  let box: Box, containerd: Containerd;
  const program = join(build.directory, "ctr");
  const common = (): readonly string[] =>
    ["--address", join(box.directory, "containerd.sock"), "--namespace", "k8s.io"];
  const ctr = (...words: readonly string[]): string => run(program, ...common(), ...words);
  tool.before(async () => {
    box = enterBox([ourPlugins()]);
    makeUplinks();
    containerd = await startContainerd(box, build);
    const { cniVersion } = build;
    const delegates = [
      { cniVersion, name: "front", type: "bridge", bridge: "front0", isDefaultGateway: true, ipMasq: true,
        ipam: { type: "host-local", ranges: [[{ subnet: "10.71.0.0/24" }], [{ subnet: "fd00:71::/64" }]] } },
      { cniVersion, name: "lan", type: "macvlan", master: "uplink0",
        ipam: { type: "host-local", ranges: [[{ subnet: "192.168.71.0/24" }]] } },
    ];
    writeFileSync(join(box.confDir, "10-node.conflist"), JSON.stringify({ cniVersion, name: "node",
      plugins: [{ type: "polynic", delegates }] }));
  });
  tool.after(async () => {
    await containerd.stop();
    await box.leave();
  });

  /** In the foreground, as its releases take networks away when a task ends. */
  const start = async (name: string): Promise<Task> => {
    const words = ["run", "--rm", "--cni", "--cgroup", `${box.cgroup}/${name}`, image, name];
    const child = spawn(program, [...common(), ...words, "/bin/httpd", "-f", "-p", "80", "-h", "/bin"],
      { stdio: ["ignore", "ignore", "pipe"] });
    let said = "", isOver = false;
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.on("exit", () => (isOver = true));
    const pid = (): string => new RegExp(`^${name}\\s+(\\d+)\\s+RUNNING`, "m").exec(ctr("tasks", "ls"))?.[1] ?? "";
    await until(`task ${name}`, () => {
      assert.not(isOver, said);
      return pid() !== "";
    });
    const path = `/proc/${pid()}/ns/net`;
    return {
      name, path, exec: (program, ...args) => run("nsenter", `--net=${path}`, program, ...args), remove() {},
      async stop() {
        ctr("tasks", "kill", "-s", "SIGKILL", name);
        await until(`the end of ${name}`, () => isOver);
      },
    };
  };

  tool("attaches a task to every network of the node, which answers there, and takes it off again", async () => {
    const web = await start("web");
    assert.equal(linksOf(web), ["eth0", "lo", "net1"]);
    assert.equal(addressesOf(web, "eth0"), ["10.71.0.2/24", "fd00:71::2/64"]);
    assert.equal(addressesOf(web, "net1"), ["192.168.71.2/24"]);
    assert.match(await fetchText("http://10.71.0.2:80/none"), /404/);
    const other = await start("other");
    assert.is(attempt("nsenter", `--net=${other.path}`, "ping", "-c", "1", "-W", "20", "192.168.71.2").status, 0);
    for (const task of [web, other]) await task.stop();
    await nothingLeft(fixtures);
  });
  tool.run();
}
