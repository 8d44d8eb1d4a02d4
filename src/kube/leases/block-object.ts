import { createHash } from "node:crypto";
import { CniError, code } from "../../cni/index.ts";
import type { Block, Entry, SeenBlock } from "../../ipam/index.ts";
import {
  addressId, blockStart, cursorsFromJson, cursorsToJson, entryFromJson, entryToJson, keyOf,
} from "../../ipam/index.ts";
import type { Address } from "../../net/index.ts";
import { addressOf, formatAddress, sameAddress } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/** The group, version and resource of blocks; deploy/cluster-ipam/crd.yaml has their definition. */
export const group = "polynic.io", version = "v1", resource = "leaseblocks", kind = "LeaseBlock";

/** Labels by which objects are found without reading all. Names are digested: a label's has 63 characters. */
export const labels = {
  scope: "polynic.io/scope",
  block: "polynic.io/block",
  node: (name: string) => `node.polynic.io/${digestOf(name)}`,
  key: (key: string) => `key.polynic.io/${digestOf(key)}`,
} as const;

const ours = /^(?:node|key)\.polynic\.io\/|^polynic\.io\//;

export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** One block has one name, so that creating it is claiming it: `pods-1a2b3c4d5e6f7a8b-10-244-0-64-26`. */
export function nameOf(scope: string, first: Address): string {
  const readable = scope.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60);
  const cidr = cidrOf(first).replace(/[.:/]/g, "-");
  return `${readable === "" ? "" : `${readable}-`}${digestOf(scope)}-${cidr}`;
}

function cidrOf(first: Address): string {
  return `${formatAddress(first)}/${first.family === 4 ? 26 : 122}`;
}

/** The object as it is to be written: what others have put beside ours stays. */
export function toObject(scope: string, block: Block, before: JsonObject | undefined): JsonObject {
  const metadata = isJsonObject(before?.["metadata"]) ? before["metadata"] : {};
  const spec = isJsonObject(before?.["spec"]) ? before["spec"] : {};
  const theirs = Object.entries(isJsonObject(metadata["labels"]) ? metadata["labels"] : {}).filter(([name]) =>
    !ours.test(name));
  const { node: _, cursors: __, ...kept } = spec;
  // Who manages which field the API notes by itself, at some length.
  const { managedFields: ___, ...others } = metadata;
  return {
    ...before,
    apiVersion: `${group}/${version}`, kind,
    metadata: { ...others, name: nameOf(scope, block.first),
      labels: { ...Object.fromEntries(theirs), ...labelsOf(scope, block) } },
    spec: {
      ...kept, scope, cidr: cidrOf(block.first),
      ...(block.node === "" ? {} : { node: block.node }),
      ...(Object.keys(block.cursors).length === 0 ? {} : { cursors: cursorsToJson(block) }),
      allocations: allocationsOf(block, spec["allocations"]),
    },
  };
}

/** What nobody can read is kept as it is. */
function allocationsOf({ entries }: Block, before: unknown): JsonObject {
  const raw = isJsonObject(before) ? before : {};
  return Object.fromEntries([...entries].map(([offset, entry]) =>
    [offset, entry.state === "unreadable" ? raw[offset] : entryToJson(entry)]));
}

/** Whether an object has the labels by which its block, and who is in it, are found. */
export function isFiled(scope: string, block: Block, { metadata }: JsonObject): boolean {
  const { labels: found } = isJsonObject(metadata) ? metadata : {}, present = isJsonObject(found) ? found : {};
  return Object.entries(labelsOf(scope, block)).every(([name, value]) => present[name] === value);
}

function labelsOf(scope: string, { id, node, entries }: Block): JsonObject {
  const nodes = new Map<string, string>();
  for (const entry of entries.values()) if (entry.state === "active") nodes.set(entry.owner.node, "has");
  if (node !== "") nodes.set(node, "own");
  const keys = [...entries.values()].map(keyOf).filter((key) => key !== undefined).map(labels.key);
  return {
    [labels.scope]: digestOf(scope), [labels.block]: id,
    ...Object.fromEntries([...nodes].map(([name, value]) => [labels.node(name), value])),
    ...Object.fromEntries(keys.map((label) => [label, ""])),
  };
}

/**
 * The block an object stands for; its stamp is the object. undefined for one of another scope.
 *
 * @throws CniError 120 for one that an edit has made into another block, of which there may then be two
 */
export function fromObject(scope: string, object: JsonObject): SeenBlock | undefined {
  const { metadata, spec } = object;
  const name = isJsonObject(metadata) ? metadata["name"] : undefined;
  const { scope: ofScope, cidr, node, cursors, allocations } = isJsonObject(spec) ? spec : {};
  const first = firstOf(cidr);
  if (ofScope !== scope && name !== (first === undefined ? undefined : nameOf(scope, first))) return undefined;
  if (ofScope !== scope || first === undefined || name !== nameOf(scope, first)) throw damaged(name, scope, cidr);
  return {
    id: addressId(first), first, stamp: object,
    node: typeof node === "string" ? node : "",
    cursors: cursorsFromJson(cursors),
    entries: entriesIn(allocations, name),
  };
}

function firstOf(cidr: unknown): Address | undefined {
  if (typeof cidr !== "string") return undefined;
  const [text = "", bits] = cidr.split("/"), first = addressOf(text);
  const isBlock = first !== undefined && bits === (first.family === 4 ? "26" : "122");
  return isBlock && sameAddress(first, blockStart(first)) ? first : undefined;
}

function entriesIn(allocations: unknown, name: string): ReadonlyMap<number, Entry> {
  if (allocations === undefined) return new Map();
  if (!isJsonObject(allocations)) throw damagedAt(name, "spec.allocations", "a map of offsets");
  return new Map(Object.entries(allocations).map(([key, value]) => {
    if (!/^(?:\d|[1-5]\d|6[0-3])$/.test(key))
      throw damagedAt(name, `spec.allocations[${key}]`, "an offset from 0 to 63");
    return [Number(key), entryFromJson(value)];
  }));
}

function damaged(name: unknown, scope: string, cidr: unknown): CniError {
  return new CniError(
    code.cluster,
    `Cannot use ${kind} ${JSON.stringify(name)}: it says ${JSON.stringify(cidr)} of scope "${scope}", which is not ` +
      "the block of its name; expected scope and cidr as they were made",
  );
}

function damagedAt(name: string, place: string, expected: string): CniError {
  return new CniError(code.cluster, `Cannot use ${kind} "${name}": ${place} was edited, expected ${expected}`);
}
