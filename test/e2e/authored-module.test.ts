// The module of docs/authoring.md, written, built and installed as the page says, gives a pod its address; then it is
// tampered with.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { builtDist } from "../helpers/dist.ts";
import { waitLimitMs } from "../helpers/limits.ts";
import { moduleCommand } from "../helpers/module-command.ts";
import { kernelSuite } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { call, leftovers, makeWorld, succeed } from "../helpers/runtime.ts";
import { multiplexed } from "../helpers/three-networks.ts";

const pagePath = join(import.meta.dirname, "..", "..", "docs", "authoring.md");
const page = readFileSync(pagePath, "utf8");

/** Makes the folder as the page does; gives the directory it was installed in. */
function authored({ directory }: World): string {
  const modules = join(directory, "modules");
  const typed = [["new", "web-pools"], ["build", "web-pools"],
    ["install", "web-pools/build/web-pools.wasm", "--dir", modules]] as const;
  for (const words of typed) {
    const { status, stderr } = moduleCommand(directory, ...words);
    assert.equal([status, stderr], [0, ""], words.join(" "));
    if (words[0] !== "new") continue;
    for (const [, name = "",
      content = ""] of page.matchAll(/^```\S+ file=(\S+)\n([^]*?)^```$/gm)) writeFileSync(join(directory, "web-pools",
      name), content);
  }
  return modules;
}

function confWith(directory: string, moduleDir: string, config: object): object {
  const ipam = { type: "web-pools", dataDir: join(directory, "networks"), ranges: [[{ subnet: "10.9.0.0/24" }]],
    config };
  return { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"), moduleDir,
    delegates: [{ cniVersion: "1.1.0", name: "blue", type: "bridge", bridge: "blue0", ipam }] };
}

const podNamed = (namespace: string,
  name: string) => ({ CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}` });

const suite = kernelSuite("a module as an author makes it", import.meta.url);

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

    const refused = (what: object, env: Readonly<Record<string, string>>) => call(world,
      multiplexed("ADD", what, { env })).json;
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

/** Blocks whose commands need root, run as they stand; POLYNIC_WRITE_DOCS=1 writes the answers into the page. */
const rootBlock = /^```console root\n([^]*?)^```$/gm;

suite("gives a pod an address by the commands of the page", () => {
  const world = makeWorld();
  const names: readonly (readonly [string, string])[] = [
    ["/opt/cni/modules", join(world.directory, "modules")], ["/run/web-pools", join(world.directory, "state")],
      ["/run/netns/pod", "/run/netns/polynic-doc-pod"],
    ["netns add node", "netns add polynic-doc-node"], ["netns add pod", "netns add polynic-doc-pod"],
      ["netns delete node", "netns delete polynic-doc-node"],
    ["netns delete pod", "netns delete polynic-doc-pod"], ["exec node ", "exec polynic-doc-node "],
      ["-n pod ", "-n polynic-doc-pod "],
  ];
  const here = (text: string) => names.reduce((changed, [page, test]) => changed.replaceAll(page, test), text);
  const there = (text: string) => names.reduce((changed, [page, test]) => changed.replaceAll(test, page), text);
  try {
    mkdirSync(join(world.directory, "state"));
    authored(world);
    const [, pod = ""] = /^```json file=pod.json\n([^]*?)^```$/m.exec(page) ?? [];
    writeFileSync(join(world.directory, "pod.json"), here(pod));
    let count = 0;
    const written = page.replace(rootBlock, (_, content: string) => {
      const commands = [...content.matchAll(/^\$ (.+)$/gm)].map(([, command = ""]) => command);
      count += commands.length;
      const script = commands.map((command) => `printf '%s\\n' ${quoted(`$ ${command}`)}\n${here(command)} || exit ` +
        `1\n`).join("");
      const { status, stdout, stderr } = spawnSync("sh", ["-c", script],
        { cwd: world.directory, encoding: "utf8", timeout: waitLimitMs,
        env: { PATH: `${join(builtDist(), "bin")}:${process.env["PATH"] ?? ""}` } });
      assert.equal([status, stderr], [0, ""], stdout);
      // A result has no end of line.
      const answered = there(stdout).replace(/[ \t]+$/gm, "").replaceAll("}$ ", "}\n$ ");
      if (process.env["POLYNIC_WRITE_DOCS"] !== "1") assert.is(drawn(content), drawn(answered));
      return `\`\`\`console root\n${answered.trimEnd()}\n\`\`\``;
    });
    assert.is(count, 6, "the page has these commands");
    assert.match(written, /^eth0@\S+ +UP +10\.9\.0\.254\/24/m);
    if (process.env["POLYNIC_WRITE_DOCS"] === "1") writeFileSync(pagePath, written);
  } finally {
    for (const name of ["polynic-doc-pod", "polynic-doc-node"]) spawnSync("ip", ["netns", "delete", name],
      { stdio: "ignore" });
    world.remove();
  }
});

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What the kernel draws, left out. */
function drawn(text: string): string {
  return text.replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC").replace(/veth[0-9a-f]+/g, "VETH").replace(/@if\d+/g,
    "@IF");
}

suite.run();
