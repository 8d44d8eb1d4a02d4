// What an ADD asks its plugins for, counted: a configuration is read once, and a plugin looked up once.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { schemas } from "../../../build/schemas.mjs";
import { openHandles } from "../../../src/call/index.ts";
import type { MuxCommand } from "../../../src/mux/index.ts";
import { add, del, parseMuxConf } from "../../../src/mux/index.ts";
import { ipJson, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";
import { threeNetworks } from "../../helpers/three-networks.ts";
import { builtModules } from "../../helpers/wasm.ts";

const chain = kernelSuite("chain", import.meta.url, { needs: ["nft_nat", "macvlan"] });

chain("an ADD of three networks reads each configuration once and looks each plugin up once", async () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-chain-"));
  try {
    run("ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "uplink1");
    for (const name of ["uplink0", "uplink1"]) run("ip", "link", "set", name, "up");
    const container = makeNetns();
    const lookups: string[] = [];
    const command = commandFor(threeNetworks({ directory }), container.path, (type) => lookups.push(type));
    const readings = countReadings(["bridge", "portmap", "macvlan", "host-local", "static", "plugin-conf"]);

    await add(command);
    assert.equal(ipJson("link show", container).map(({ ifname }) => ifname).sort(), ["eth0", "lo", "net1", "net2"]);
    const ipam = lookups.filter((type) => type === "host-local").length;
    assert.equal({ readings: readings.stop(), ipam, lookups: lookups.length }, { readings: 7, ipam: 3, lookups: 7 });

    await del(command);
    assert.equal(ipJson("link show", container).map(({ ifname }) => ifname), ["lo"]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
chain.run();

/** One command of a multiplexer with the real handles; `seen` hears of every plugin that is looked up. */
function commandFor(json: object, netns: string, seen: (type: string) => void): MuxCommand {
  return {
    conf: parseMuxConf({ cniVersion: "1.1.0", name: "pods", type: "polynic", ...json },
      { invokedAs: "polynic", verb: "ADD" }),
    attachment: { containerId: "c1", netns, ifName: "eth0", args: "", path: [] },
    validAttachments: undefined, env: {}, version: "0.0.0",
    openHandles(path) {
      const handles = openHandles({ netns: path, path: [], execute: [], modules: builtModules,
        log: { error() {}, warn() {}, verbose() {}, debug() {} }, surroundings: { env: process.env, tell: () => {} } });
      const { plugin } = handles;
      return Object.create(handles, { plugin: { value: (type: string) => {
        seen(type);
        return plugin(type);
      } } }) as typeof handles;
    },
    exclusively: (_, work) => work(),
  };
}

/** Counts how often a configuration is held against one of these schemas. */
function countReadings(names: readonly (keyof typeof schemas)[]): { stop(): number } {
  let count = 0;
  const restores = names.map((name) => {
    const schema = schemas[name] as { validate: (typeof schemas)[typeof name]["validate"] };
    const { validate } = schema;
    const counting = (value: unknown): boolean => {
      count++;
      return validate(value);
    };
    schema.validate = Object.defineProperty(counting, "errors", { get: () => validate.errors }) as typeof validate;
    return () => { schema.validate = validate; };
  });
  return { stop: () => { restores.forEach((restore) => restore()); return count; } };
}
