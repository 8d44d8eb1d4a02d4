// What a schema lets pass reaches the kernel or is refused with its key: no value of any key ends as a bug of our own.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Result } from "../../src/cni/index.ts";
import { CniError, code } from "../../src/cni/index.ts";
import { builtIn } from "../../src/plugins/index.ts";
import type { JsonObject } from "../../src/schema/index.ts";
import type { Driven } from "../helpers/handles.ts";
import { add, del } from "../helpers/handles.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../helpers/netns.ts";
import { builtModules } from "../helpers/wasm.ts";

/** As much of a schema as these tests follow. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
}

const source = join(import.meta.dirname, "..", "..", "src");
const schemaFiles: Readonly<Record<string, string>> = {
  "plugin-conf": "cni/plugin-conf.schema.json", result: "cni/result/result.schema.json",
};

function schemaOf(name: string): Schema & { readonly definitions?: Readonly<Record<string, Schema>> } {
  // A schema of ours.
  return JSON.parse(readFileSync(join(source, schemaFiles[name] ?? `plugins/${name}/schema.json`), "utf8")) as Schema;
}

/** The values to be tried at each place of a configuration. */
function* extremes(schema: Schema, base: string): Generator<readonly [path: readonly (string | number)[], unknown]> {
  const { $ref } = schema;
  if ($ref !== undefined) {
    const [owner = "", part = ""] = $ref.split("#/definitions/");
    const target = schemaOf(owner || base).definitions?.[part];
    assert.ok(target, $ref);
    return yield* extremes(target, owner || base);
  }
  for (const [key, inner] of Object.entries(schema.properties ?? {}))
    for (const [path, value] of extremes(inner, base)) yield [[key, ...path], value];
  if (schema.items !== undefined)
    for (const [path, value] of extremes(schema.items, base)) yield [[0, ...path], value];
  for (const value of values[schema.type ?? ""] ?? []) yield [[], value];
  for (const value of schema.enum ?? []) yield [[], value];
}

const values: Readonly<Record<string, readonly unknown[]>> = {
  integer: [-(2 ** 31), -1, 0, 1, 256, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1],
  string: ["", " ", "/", "a\0b", "x".repeat(300), "\u00e4".repeat(100), "\u202e", "a\nb", "%d", "::/0", "10.1.2.3",
    "fd00::1", "255.255.255.255/32", "a;b", '"'],
  array: [[], Array.from({ length: 300 }, () => "x"), Array.from({ length: 300 }, () => ({}))],
  boolean: [true],
};

/** The configuration with that value at that place; lists and objects on the way are made. */
function withValue(conf: JsonObject, [key, ...rest]: readonly (string | number)[], value: unknown): JsonObject {
  if (key === undefined) return conf;
  const set = (inner: unknown, steps: readonly (string | number)[]): unknown => {
    const [step, ...others] = steps;
    if (step === undefined) return value;
    if (typeof step === "number") return [set(Array.isArray(inner) ? inner[0] : undefined, others)];
    const object = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner as JsonObject : {};
    return { ...object, [step]: set(object[step], others) };
  };
  return { ...conf, [key]: set(conf[key], rest) };
}

const kernel = kernelSuite("extreme values", import.meta.url, { needs: ["nft_nat", "macvlan"] });

let directory: string;
kernel.before(() => { directory = mkdtempSync(join(tmpdir(), "polynic-extremes-")); });
kernel.after(() => rmSync(directory, { recursive: true, force: true }));

const routes = [{ dst: "10.9.0.0/16", gw: "10.1.2.1" }];
const leased = { type: "test", addresses: [{ address: "10.1.2.3/24", gateway: "10.1.2.1" }], routes };
const prevResult: Result = { interfaces: [{ name: "eth0", sandbox: "/n" }], routes: [], dns: {},
  ips: [{ address: "10.1.2.3/24", interface: 0 }] };
const onBridge = { bridge: "br0", isGateway: true, forceAddress: true };

/** Configurations that work, each key of whose schema is then given every extreme value. */
const rows: readonly (readonly [type: string, schema: string, conf: () => JsonObject, more?: Partial<Driven>])[] = [
  ["bridge", "bridge", () => ({ ...onBridge, ipMasq: true, ipMasqBackend: "nftables", ipam: leased })],
  ["macvlan", "macvlan", () => ({ master: "up0", ipam: leased })],
  ["host-device", "host-device", () => ({ ipam: leased })],
  ["portmap", "portmap", () => ({ backend: "nftables", runtimeConfig: { portMappings: [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" }] } }), { prevResult }],
  ["firewall", "firewall", () => ({ backend: "nftables", ingressPolicy: "same-bridge" }), { prevResult }],
  ["bridge with host-local", "host-local", () => ({ ...onBridge,
    ipam: { type: "host-local", dataDir: directory, ranges: [[{ subnet: "10.1.0.0/16" }]], routes } })],
  ["bridge with static", "static", () => ({ ...onBridge,
    ipam: { type: "static", addresses: [{ address: "10.1.2.3/24" }], routes } })],
];

for (const [title, schema, conf, more] of rows) {
  kernel(`${title}: no value of any key ends as a bug of ours`, async () => {
    const plugin = builtIn.get(title.split(" ")[0] ?? "");
    assert.ok(plugin);
    const netns = makeNetns();
    run("ip", "link", "add", "up0", "type", "veth", "peer", "far0");
    run("ip", "link", "set", "up0", "up");
    const bugs: string[] = [];
    let addedCount = 0;
    for (const [path, value] of extremes(schemaOf(schema), schema)) {
      // Each would be a directory somewhere on this machine.
      if (path.at(-1) === "dataDir") continue;
      const driven: Driven = { plugin, modules: builtModules, netns: netns.path,
        conf: withValue(conf(), path, value), ...more };
      const shown = `${path.join(".")} = ${JSON.stringify(value).slice(0, 60)}`;
      const added = await outcomeOf(add(driven)), deleted = await outcomeOf(del(driven));
      if (added === undefined) addedCount++;
      // What the codec says has no key in it.
      if (added !== undefined && (added.code === code.internal || /Cannot (en|de)code /.test(added.message)))
        bugs.push(`ADD with ${shown}: ${added.message}`);
      // Whether anything is kept in a store that nobody names cannot be known.
      const isNamed = !/^Cannot use ipam\.store of type \w+: no /.test(deleted?.message ?? "");
      if (deleted !== undefined && isNamed) bugs.push(`DEL with ${shown}: ${deleted.message}`);
    }
    assert.equal(bugs, []);
    assert.ok(title === "host-device" || addedCount > 10, `only ${addedCount} values were taken`);
    assert.equal(ipJson("link show", netns).map(({ ifname }) => ifname), ["lo"]);
    netns.remove();
  });
}
kernel.after.each(() => {
  for (const one of ipJson("link show")) if (one.ifname !== "lo") attempt("ip", "link", "delete", one.ifname);
});
kernel.run();

async function outcomeOf(work: Promise<unknown>): Promise<CniError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
}
