import { existsSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";
import type { Block, BlockEngine, Entry, EtcdServers, SeenBlock, StoreNode } from "../ipam/index.ts";
import {
  RecalledBlocks, addressAt, addressId, addressOfId, blockAddresses, blockStart, cursorsFromJson, entryFromJson,
  offsetOf, unreadable,
} from "../ipam/index.ts";
import { readBoundedText, realWorld } from "../os/index.ts";
import type { World } from "../os/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import { EtcdClient } from "./client.ts";
import type { Tls } from "./client.ts";
import type { Keys } from "./keys.ts";
import { endOf, keysOf } from "./keys.ts";
import type { KeyValue } from "./transaction.ts";
import { operationsMax, put, rangeOf, remove, transact, unchanged } from "./transaction.ts";
import { filesOf, filing, stepsOf, writtenBlock } from "./steps.ts";

const usualPrefix = "/polynic";
export interface EtcdOptions {
  readonly node: StoreNode;
  readonly world?: World;
  /** For tests: see ClientOptions. */
  readonly deadlineMs?: number;
  readonly tryTimeoutMs?: number;
  /** Which machine this is; /etc/machine-id when absent, "" where nobody knows. */
  readonly machine?: string;
}

/**
 * Blocks as keys of etcd, one for each address: see keys.ts. A change compares those keys only that it touches, so
 * that nodes that borrow from one block do not meet as long as they take other addresses of it. Keys have no time to
 * live: a node that is cut off keeps its pods, and they their addresses.
 *
 * @throws CniError 5 for files of certificates that cannot be read, 7 for endpoints that are none, and a certificate
 *   without its key
 */
export function openEtcdBlocks(servers: EtcdServers, options: EtcdOptions): BlockEngine {
  const { endpoints, prefix = usualPrefix } = servers, { node, world = realWorld } = options;
  endpoints.forEach(refuseNoUrl);
  const { deadlineMs, tryTimeoutMs, machine = machineId() } = options;
  const client = new EtcdClient({ endpoints, tls: readTls(servers), world,
    ...(deadlineMs === undefined ? {} : { deadlineMs }), ...(tryTimeoutMs === undefined ? {} : { tryTimeoutMs }) });
  const place = `etcd at ${endpoints.join(", ")}${prefix === usualPrefix ? "" : ` below ${prefix}`}`;
  const keys = (scope: string): Keys => keysOf(prefix, scope);
  /** Scopes in which no machine is known to be this node. */
  const unregistered = new Set<string>(), recalled = new RecalledBlocks(() => world.monotonicMs());
  return {
    place,
    async readFor(scope, who) {
      const own = keys(scope), act = `read reservations of "${scope}"`;
      const starts = [own.node(who.node), ...who.keys.map((key) => own.ownerKey(key))];
      const recentKey = JSON.stringify([place, scope, who.node]);
      const guessed = (recent.get(recentKey) ?? []).slice(0, operationsMax - starts.length);
      const { ranges } = await transact(client, { act, operations: [
        ...starts.map((start) => rangeOf(start, endOf(start))),
        ...guessed.map((id) => rangeOf(...rangeOfBlock(own, id))),
      ] });
      const listed = ranges.slice(0, starts.length).flat(), ids = blockIdsIn(listed);
      if (recent.size >= recentMax) recent.clear();
      recent.set(recentKey, ids);
      const machineKey = listed.find(({ key }) => key === own.machine(node.name));
      if (machineKey !== undefined) refuseOtherMachine(machineKey, { machine, node, place });
      else if (machine !== "" && who.node === node.name) unregistered.add(scope);
      const others = ids.filter((id) => !guessed.includes(id));
      const blocks = [
        ...toBlocks(ranges.slice(starts.length).flat(), own),
        ...(others.length === 0 ? [] : await readBlocks(client, own, others, act)),
      ];
      recalled.read(scope, who.node, blocks);
      return blocks;
    },
    recall: (scope, name) => recalled.of(scope, name),
    readSome: async (scope, ids) => await readBlocks(client, keys(scope), ids, `read reservations of "${scope}"`),
    readAll: async (scope) => await readAll(client, keys(scope), scope),
    async write(scope, changes) {
      const own = keys(scope), steps = changes.map((change) => stepsOf(change, own));
      const compare = steps.flatMap((step) => step.compare), operations = steps.flatMap((step) => step.operations);
      if (unregistered.has(scope)) {
        compare.push(unchanged(own.machine(node.name), undefined));
        operations.push(put(own.machine(node.name), machine));
      }
      refuseTooMany(Math.max(compare.length, operations.length), scope);
      return await recalled.writing(scope, async () => {
        const { succeeded, revision } = await transact(client, { compare, operations, act: writing(scope) });
        // Whether it was this that failed, the next read tells.
        unregistered.delete(scope);
        return succeeded ? changes.map((change) => writtenBlock(change, revision)) : undefined;
      });
    },
    misfiled: async (scope) => await misfiledIn(client, keys(scope), scope),
    refile: async (scope, block) => await refile(client, { keys: keys(scope), scope, block }),
    forget: async (scope, gone) => await forgetNode(client, keys(scope), gone),
    status: async () => await whyNotReady(client, place),
    close: () => client.close(),
  };
}

/**
 * Ids of blocks that concerned a node last, by store, scope and node: read with the first request, they are most likely
 * all. A process that serves many calls reads once then; what is not so any more costs a second read.
 */
const recent = new Map<string, readonly string[]>();
const recentMax = 1_000;

function refuseTooMany(count: number, scope: string): void {
  if (count <= operationsMax) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot change ${count} keys of scope "${scope}" at once: etcd takes ${operationsMax}, expected fewer range sets`,
  );
}

async function readBlocks(client: EtcdClient, keys: Keys, ids: readonly string[], act: string) {
  const found: KeyValue[] = [];
  const unique = [...new Set(ids)];
  for (let from = 0; from < unique.length; from += operationsMax) {
    const operations = unique.slice(from, from + operationsMax).map((id) => rangeOf(...rangeOfBlock(keys, id)));
    found.push(...(await transact(client, { operations, act })).ranges.flat());
  }
  return toBlocks(found, keys);
}

/** From the first address to behind the last one, whose key has nothing behind it that is not the block's. */
function rangeOfBlock(keys: Keys, id: string): readonly [string, string] {
  const first = addressOfId(id);
  const last = first === undefined ? id : addressId(addressAt({ first }, blockAddresses - 1));
  return [keys.entry(id), `${keys.entry(last)}0`];
}

/** So many keys a page: some 2 MiB. */
const pageKeys = 8_000;

async function readAll(client: EtcdClient, keys: Keys, scope: string): Promise<readonly SeenBlock[]> {
  return toBlocks(await allBetween(client, keys.data, { act: `list reservations of "${scope}"` }), keys);
}

function writing(scope: string): string {
  return `write reservations of "${scope}"`;
}

async function misfiledIn(client: EtcdClient, keys: Keys, scope: string): Promise<readonly SeenBlock[]> {
  const blocks = await readAll(client, keys, scope), files = await filesIn(client, keys, scope);
  return blocks.filter((block) => filesOf(block, keys).some((key) => !files.has(key)));
}

async function refile(
  client: EtcdClient,
  { keys, scope, block }: { readonly keys: Keys; readonly scope: string; readonly block: SeenBlock },
): Promise<boolean> {
  const { compare, operations } = filing(block, keys);
  for (let from = 0; from < operations.length; from += operationsMax) {
    const some = operations.slice(from, from + operationsMax);
    if (!(await transact(client, { compare, operations: some, act: writing(scope) })).succeeded) return false;
  }
  return true;
}

async function filesIn(client: EtcdClient, keys: Keys, scope: string): Promise<ReadonlySet<string>> {
  const found = await allBetween(client, keys.files, { keysOnly: true, act: `list reservations of "${scope}"` });
  return new Set(found.map(({ key }) => key));
}

async function allBetween(
  client: EtcdClient, [first, end]: readonly [string, string],
  { act, keysOnly = false }: { readonly act: string; readonly keysOnly?: boolean },
): Promise<readonly KeyValue[]> {
  const found: KeyValue[] = [];
  for (let start = first; ; ) {
    const operations = [rangeOf(start, end, { limit: pageKeys, keysOnly })];
    const { ranges: [page = []] } = await transact(client, { operations, act });
    found.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < pageKeys) return found;
    start = `${last.key}\0`;
  }
}

function blockIdsIn(listed: readonly KeyValue[]): readonly string[] {
  return [...new Set(listed.flatMap(({ key }) => {
    const id = /\/([0-9a-f]{32})(?:\/block)?$/.exec(key)?.[1], address = id === undefined ? undefined : addressOfId(id);
    return address === undefined ? [] : [addressId(blockStart(address))];
  }))];
}

/** A block under construction. */
interface Parts extends Block {
  readonly entries: Map<number, Entry>;
  readonly stamp: { block: string | undefined; readonly entries: Map<number, string> };
}

function toBlocks(found: readonly KeyValue[], keys: Keys): readonly SeenBlock[] {
  const blocks = new Map<string, Parts>();
  for (const { key, value, revision } of found) {
    const [id = "", kind] = key.slice(keys.scope.length).split("/"), address = addressOfId(id);
    if (address === undefined) continue;
    const first = blockStart(address), blockId = addressId(first);
    const known = blocks.get(blockId) ?? { id: blockId, first, node: "", cursors: {}, entries: new Map<number, Entry>(),
      stamp: { block: undefined, entries: new Map<number, string>() } };
    blocks.set(blockId, known);
    if (kind === undefined) {
      known.entries.set(offsetOf(address), parseEntry(value));
      known.stamp.entries.set(offsetOf(address), revision);
    } else if (kind === "block") {
      known.stamp.block = revision;
      blocks.set(blockId, { ...known, ...parseBlock(value) });
    }
  }
  return [...blocks.values()];
}

function parseEntry(text: string): Entry {
  const json = jsonIn(text);
  return json === undefined ? unreadable : entryFromJson(json);
}

function parseBlock(text: string): Pick<Block, "node" | "cursors"> {
  const { node, cursors } = jsonIn(text) ?? {};
  return { node: typeof node === "string" ? node : "", cursors: cursorsFromJson(cursors) };
}

function jsonIn(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Then another machine may call itself so. */
async function forgetNode(client: EtcdClient, keys: Keys, node: string): Promise<void> {
  const start = keys.node(node), act = `forget node ${JSON.stringify(node)}`;
  const { ranges: [listed = []] } = await transact(client, { act, operations: [rangeOf(start, endOf(start))] });
  const [known, ...others] = listed;
  if (known?.key !== keys.machine(node) || others.length > 0) return;
  await transact(client, { act, compare: [unchanged(known.key, known.revision)], operations: [remove(known.key)] });
}

async function whyNotReady(client: EtcdClient, place: string): Promise<string | undefined> {
  try {
    // A range that waits for a majority, as an ADD does.
    await transact(client, { operations: [rangeOf("/", "/\0", { limit: 1 })], act: "read from etcd" });
    const { alarms } = await client.post("/v3/maintenance/alarm", { action: "GET" }, "ask etcd for its alarms");
    const full = Array.isArray(alarms) && alarms.some((one) => isJsonObject(one) && one["alarm"] === "NOSPACE");
    return full ? `${place} takes no writes: alarm NOSPACE, expected it to be compacted and disarmed` : undefined;
  } catch (error) {
    if (error instanceof CniError) return error.message;
    throw error;
  }
}

function refuseOtherMachine(
  { key, value }: KeyValue,
  { machine, node, place }: { readonly machine: string; readonly node: StoreNode; readonly place: string },
): void {
  if (machine === "" || value === machine) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use ${place} as node "${node.name}": another machine (${value}) calls itself so there, expected a ` +
      `nodeName or a prefix of its own; where this machine was installed anew, delete the key ${key}`,
  );
}

/** machine-id(5); "" where there is none. */
function machineId(): string {
  const path = "/etc/machine-id";
  return existsSync(path) ? readBoundedText(path, 4096).trim() : "";
}

function readTls({ caFile = "", certFile = "", keyFile = "" }: EtcdServers): Tls {
  if ((certFile === "") !== (keyFile === ""))
    throw new CniError(
      code.invalidConfig,
      `Cannot use ${certFile === "" ? `keyFile ${keyFile}` : `certFile ${certFile}`} for etcd: it stands alone, ` +
        "expected certFile and keyFile, which may be one file",
    );
  return {
    trust: { authority: caFile === "" ? undefined : readPem(caFile), skipVerify: false, serverName: undefined },
    certificate: certFile === "" ? undefined : { chain: readPem(certFile), key: readPem(keyFile) },
  };
}

function readPem(path: string): string {
  try {
    return readBoundedText(path, 1024 * 1024);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new CniError(code.ioFailure, `Cannot read ${path}: ${what}, expected PEM for etcd`, { cause });
  }
}

function refuseNoUrl(endpoint: string): void {
  if (URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use etcd endpoint ${JSON.stringify(endpoint)}: expected a URL such as https://10.0.0.1:2379`,
  );
}
