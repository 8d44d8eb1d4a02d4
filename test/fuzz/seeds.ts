/** What works and is there to be changed: the configurations of conf/ and docs/, and results. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import type { ValidateFunction } from "ajv";
import type { JsonObject } from "../../src/schema/index.ts";
import { isJsonObject } from "../../src/schema/index.ts";

export const root = join(import.meta.dirname, "..", "..");

/** Network lists of conf/ and of the pages in docs/plugins. */
export function networkLists(): readonly JsonObject[] {
  const files = filesIn("conf", /\.conflist$/).map((file) => readFileSync(file, "utf8"));
  const pages = filesIn("docs/plugins", /\.md$/).flatMap((file) => (
    [...readFileSync(file, "utf8").matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text)));
  const lists = [...files, ...pages].map((text): unknown => JSON.parse(text));
  return lists.filter(isJsonObject).filter(({ plugins }) => Array.isArray(plugins));
}

/** Configurations of plugins as each is given its own, those inside of multiplexers' too. */
export function pluginConfs(lists: readonly JsonObject[] = networkLists()): readonly JsonObject[] {
  return lists.flatMap((list) => {
    const { name, plugins } = list, all = Array.isArray(plugins) ? plugins.filter(isJsonObject) : [list];
    return all.flatMap((plugin) => {
      const { delegates } = plugin;
      if (Array.isArray(delegates)) return pluginConfs(delegates.filter(isJsonObject));
      return plugin["type"] === "polynic" ? [] : [{ ...plugin, cniVersion: "1.1.0", name }];
    });
  });
}

/** Configurations of the multiplexer, as a runtime gives them. */
export function multiplexerConfs(): readonly JsonObject[] {
  const rich = {
    type: "polynic", clusterNetwork: "10-bridge", defaultNetworks: ["blue"], kubeconfig: "/etc/kubeconfig",
    confDir: "/etc/cni/net.d", binDir: "/opt/cni/bin", logLevel: "debug", logToStderr: false,
    logFile: "/var/log/polynic",
    logOptions: { maxAge: 5, maxSize: 100, maxBackups: 5, compress: true }, namespaceIsolation: true,
    globalNamespaces: "default,kube-system", systemNamespaces: ["kube-system"], multusNamespace: "kube-system",
    readinessindicatorfile: "/run/ready", retryDeleteOnError: true, interfaceNames: { blue: "lan0" },
    auxiliaryCNIChainName: "more", networkTypes: ["bridge"], hotPlug: true, strictSelections: true, execute: ["bridge"],
    runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 80, protocol: "tcp" }] }, mergeResults: false,
    dataDirs: ["/var/lib/cni/networks"], leaseStores: { etcd: { endpoints: ["https://10.0.0.1:2379"] } },
    nodeName: "one", nodeIndex: 3, moduleLimits: { fuel: 1000000 }, policyAllow: { guard: ["routes"] },
  };
  const ofFiles = networkLists().flatMap(({ name, plugins }) => (Array.isArray(plugins) ? plugins : [])
    .filter(isJsonObject).filter(({ type }) => type === "polynic").map((plugin) => ({ ...plugin, name })));
  return [...ofFiles, { name: "pods", ...rich }].map((conf) => ({ ...conf, cniVersion: "1.1.0" }));
}

/** A result, in the shape of two families. */
export const result = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "br0", mac: "02:00:00:00:00:01" }, { name: "eth0", mac: "02:00:00:00:00:02", mtu: 1500,
    sandbox: "/run/netns/blue", pciID: "0000:00:1f.6", socketPath: "/run/s" }],
  ips: [{ interface: 1, address: "10.1.2.3/24", gateway: "10.1.2.1" }, { interface: 1, address: "fd00::3/64" }],
  routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.1", mtu: 1400, priority: 5, table: 100, scope: 0, advmss: 1300 },
    { dst: "::/0", gw: "fd00::1" }],
  dns: { nameservers: ["10.1.2.1"], domain: "example", search: ["a.example"], options: ["ndots:2"] },
};
export const oldResult = {
  cniVersion: "0.2.0",
  ip4: { ip: "10.1.2.3/24", gateway: "10.1.2.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.1" }] },
  ip6: { ip: "fd00::3/64" }, dns: { nameservers: ["10.1.2.1"] },
};

function filesIn(folder: string, name: RegExp): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((file) => name.test(file))
    .sort().map((file) => join(root, folder, file));
}

/** The schemas as they are written, read by ajv itself and not by what is built of them. */
const ajv = new Ajv({ allowUnionTypes: true, strictRequired: false, strictTypes: false });
ajv.addKeyword({ keyword: "expected", schemaType: "string" });
ajv.addKeyword({ keyword: "late", schemaType: "boolean" });
for (const file of filesIn("src", /[./]schema\.json$/)) {
  const [, folder = "", name = folder] = /([^/]+)\/(?:([^/]+)\.)?schema\.json$/.exec(file) ?? [];
  ajv.addSchema({ ...JSON.parse(readFileSync(file, "utf8")), $id: name });
}

/** What a schema says against a value, in words; undefined where it allows it. */
export function forbidden(schemaName: string, value: unknown): string | undefined {
  const validate: ValidateFunction | undefined = ajv.getSchema(schemaName);
  if (validate === undefined) throw new Error(`Cannot find schema "${schemaName}"`);
  if (validate(value)) return undefined;
  return `is accepted against schema "${schemaName}": ${JSON.stringify(validate.errors?.[0])}`;
}

/** A key that stands in a configuration, in the schema's spelling, and is not in what was made of it. */
export function dropped(raw: unknown, read: object): string | undefined {
  const known = new Set(Object.keys(read));
  const lost = Object.entries(isJsonObject(raw) ? raw : {}).find(([key, value]) => value !== null && !known.has(key));
  return lost === undefined ? undefined : `is accepted without its ${JSON.stringify(lost[0])}`;
}
