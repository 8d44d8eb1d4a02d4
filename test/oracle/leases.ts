// Leases in a real server of custom resources, with deploy/cluster-ipam/crd.yaml applied: the contract of stores,
// twenty nodes that begin at once, and what the server answers to each request beside what the tests' stand-in answers
// to it; status 1 where something differs.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import type { Peer } from "../../src/http/index.ts";
import { Connection } from "../../src/http/index.ts";
import { openBlockLeases } from "../../src/ipam/index.ts";
import { openKubeBlocks } from "../../src/kube/index.ts";
import { realWorld } from "../../src/os/index.ts";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { random } from "../helpers/random.ts";
import { memoryJournal } from "../helpers/shared/memory-blocks.ts";
import { Ledger, allocate, churn, linesOf, nodeWith, rangesOf } from "../helpers/shared/nodes.ts";
import { leaseContract } from "../ipam/contract/contract.ts";

const [, , url = ""] = process.argv, root = join(import.meta.dirname, "..", "..");
const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", folder = "/apis/polynic.io/v1/leaseblocks";
const limitMs = 30_000, establishedMs = 2_000;
const directory = mkdtempSync(join(tmpdir(), "polynic-oracle-")), kubeconfig = join(directory, "kubeconfig");
writeFileSync(kubeconfig, JSON.stringify({ apiVersion: "v1", kind: "Config", "current-context": "x",
  contexts: [{ name: "x", context: { cluster: "x", user: "x" } }], users: [{ name: "x", user: {} }],
  clusters: [{ name: "x", cluster: { server: url, "insecure-skip-tls-verify": true } }] }));
process.once("exit", () => rmSync(directory, { recursive: true }));

interface Side {
  readonly connection: Connection;
  readonly headers: Readonly<Record<string, string>>;
}

const limits = { sockets: 4, bodyBytesMax: 64 * 1024 * 1024 } satisfies Partial<Peer>;
const real: Side = { headers: {}, connection: new Connection({ url, ...limits,
  trust: { authority: undefined, skipVerify: true, serverName: undefined } }) };
const api = await startApiServer(), standIn: Side = standInAt(api);

function standInAt({ url: at, certificates, tokenFile }: ApiServer): Side {
  return { headers: { authorization: `Bearer ${readFileSync(tokenFile, "utf8")}` }, connection: new Connection({
    url: at, ...limits, trust: { authority: certificates.authority, skipVerify: false, serverName: undefined } }) };
}

async function send({ connection, headers }: Side, method: string, path: string, body?: object) {
  const answer = await connection.send({ method, path, timeoutMs: limitMs,
    headers: { ...headers, accept: "application/json", "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: answer.status, body: JSON.parse(answer.body) };
}

async function clear(): Promise<void> {
  const { body: { items } } = await send(real, "GET", folder);
  for (const { metadata } of items) await send(real, "DELETE", `${folder}/${metadata.name}`);
}

const engineOf = () => {
  const engine = openKubeBlocks({ kubeconfig, env: {} });
  if (engine === undefined) throw new Error("there is a kubeconfig");
  return engine;
};

/** One request after the other to both; what is given is what the steps before have left at that side. */
type Ask = (side: Side) => Promise<{ readonly status: number; readonly body: any }>;
const block = (cidr: string, spec: object = {}) => ({ apiVersion: "polynic.io/v1", kind: "LeaseBlock",
  metadata: { name: `x-${cidr.replace(/[.:/]/g, "-")}`, labels: { "polynic.io/block": "b", one: "1" } },
  spec: { scope: "x", cidr, ...spec } });
const name = block("10.0.0.0/26").metadata.name, path = `${folder}/${name}`;
const left = { allocations: { 3: { left: "k", at: 1 } } };
const edited = (edit: (object: any) => void): Ask => async (side) => {
  const { body } = await send(side, "GET", path);
  edit(body);
  return await send(side, "PUT", path, body);
};
const labels = (selector: string): Ask => async (side) =>
  await send(side, "GET", `${folder}?${new URLSearchParams({ labelSelector: selector })}`);

const asks: Readonly<Record<string, Ask>> = {
  "one that is not there": (side) => send(side, "GET", path),
  "an update of one that is not there": (side) => send(side, "PUT", path,
    { ...block("10.0.0.0/26"), metadata: { name, resourceVersion: "1" } }),
  "a new one": (side) => send(side, "POST", folder, block("10.0.0.0/26", left)),
  "the same once more": (side) => send(side, "POST", folder, block("10.0.0.0/26", left)),
  "another one": (side) => send(side, "POST", folder, block("10.0.0.64/26", left)),
  "one that is there": (side) => send(side, "GET", path),
  "an update that changes nothing": edited(() => {}),
  "an update of what was read": edited((object) => { object.spec.node = "a"; }),
  "an update of what was": edited((object) => { object.metadata.resourceVersion = "1"; object.spec.node = "b"; }),
  "an update without a version": edited((object) => { delete object.metadata.resourceVersion; }),
  "an update of another UID": edited((object) => { object.metadata.uid = "00000000-0000-0000-0000-000000000000"; }),
  "an update under another name": edited((object) => { object.metadata.name = "y-10-0-0-0-26"; }),
  "all": (side) => send(side, "GET", folder),
  "those with a label": labels("one=1"),
  "those with one of some": labels("one=1,polynic.io/block in (a,b)"),
  "those with none of some": labels("polynic.io/block in (a,c)"),
  "those that have a label": labels("one"),
  "a page, and the next": async (side) => {
    const { body } = await send(side, "GET", `${folder}?limit=1`), more = body.metadata.continue;
    const next = await send(side, "GET", `${folder}?${new URLSearchParams({ limit: "1", continue: more })}`);
    return { status: next.status, body: { ...next.body, remaining: body.metadata.remainingItemCount } };
  },
  "a kind that is not served": async (side) => ({ status: (await side.connection.send({ method: "GET",
    path: "/apis/polynic.io/v1/others", headers: side.headers, timeoutMs: limitMs })).status, body: {} }),
  "the end of one": (side) => send(side, "DELETE", path),
  "the end of one that is gone": (side) => send(side, "DELETE", path),
};

/** What a client of ours looks at. */
function seen({ status, body }: { readonly status: number; readonly body: any }) {
  const { reason, details, items, spec, remaining } = body;
  return { status, reason, spec, remaining, items: items?.map((item: any) => item.metadata.name).sort(),
    ...(reason === undefined ? {} : { details: { name: details?.name, group: details?.group, kind: details?.kind } }) };
}

/** Edits that the definition refuses, and the words with which it does. */
const refused: readonly (readonly [string, (spec: any) => void])[] = [
  ["is another block than before", (spec) => { spec.scope = "other"; }],
  ["has no such address", (spec) => { spec.allocations[64] = { left: "k" }; }],
  ["expected one of owner, held and left", (spec) => { spec.allocations[5] = {}; }],
  ["expected one of owner, held and left", (spec) => {
    spec.allocations[3] = { ...spec.allocations[3], held: "k", until: 1 };
  }],
  ["expected a ticket beside an owner", (spec) => { spec.allocations[4] = { owner: owner() }; }],
  ["expected a time until which it is held", (spec) => { spec.allocations[4] = { held: "k" }; }],
  ["spec.allocations.4.owner.node: Required value", (spec) => {
    spec.allocations[4] = { owner: { ...owner(), node: undefined }, ticket: "t" };
  }],
  ["spec.cursors.0.offset", (spec) => { spec.cursors = { 0: { offset: 64, turn: 1 } }; }],
];
const owner = () => ({ containerId: "c", ifName: "eth0", node: "a", bootId: "b" });

let different = 0;
function tell(title: string, isSame: boolean, what: unknown): void {
  if (!isSame) different++;
  console.log(`${isSame ? "same     " : "DIFFERENT"}  ${title}: ${JSON.stringify(what)}`);
}

const crd = parse(readFileSync(join(root, "deploy", "cluster-ipam", "crd.yaml"), "utf8"));
const applied = await send(real, "POST", crds, crd);
if (applied.status !== 201 && applied.status !== 409)
  throw new Error(`Cannot apply the definition: the server said ${applied.status} ${applied.body.message}`);
await sleep(establishedMs);
await clear();
for (const [title, ask] of Object.entries(asks)) {
  const [one, other] = [seen(await ask(real)), seen(await ask(standIn))];
  const isSame = isDeepStrictEqual(one, other);
  tell(title, isSame, isSame ? one.status : { real: one, standIn: other });
}
await send(real, "POST", folder, block("10.0.0.0/26", left));
for (const [words, edit] of refused) {
  const { status, body } = await edited(({ spec }) => edit(spec))(real), said = String(body.message);
  tell(`an edit: ${words}`, status === 422 && said.includes(words), body.message ?? status);
}
await clear();

const any = random(), ledger = new Ledger(any), sets = rangesOf("10.0.0.0/16", "fd00::/64");
const nodes = Array.from({ length: 20 }, (_, i) => nodeWith(`n${i}`, engineOf()));
await Promise.all(nodes.map(async (node) => {
  const ids = Array.from({ length: 10 }, (_, i) => `${node.name}-${i}`);
  await Promise.all(ids.map(async (containerId) => ledger.take(
    await allocate(node, { containerId, ifName: "eth0" }, sets), { node: node.name, container: containerId })));
}));
await churn(nodes.slice(0, 5), { ledger, steps: 20, any, sets: rangesOf("10.0.0.0/24") });
const [first] = nodes;
tell("who has what after twenty nodes began at once",
  first !== undefined && isDeepStrictEqual(await linesOf(first), ledger.lines), ledger.lines.length);

const contract = leaseContract({ title: "leases in the real server", shared: true, claims: true, steps: 12,
  async start() {
    await clear();
    return { open: (node) => openBlockLeases({ engine: engineOf(), node, journal: memoryJournal(), tell: () => {},
      world: realWorld, alone: async (_, work) => await work() }) };
  } });
contract.after(async () => {
  await api.stop();
  for (const { connection } of [real, standIn]) connection.close();
  console.log(`${different} answers differ`);
  if (different > 0) process.exitCode = 1;
});
contract.run();
