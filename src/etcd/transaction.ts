import { CniError, code } from "../cni/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import type { EtcdClient } from "./client.ts";
import { fromBase64, toBase64 } from "./keys.ts";

/** A key as it was read. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** The revision of etcd in which it was written last. */
  readonly revision: string;
}

export type Operation = JsonObject;

export function rangeOf(start: string, end: string, { keysOnly = false, limit = 0 } = {}): Operation {
  const range = { key: toBase64(start), range_end: toBase64(end), keys_only: keysOnly, limit: String(limit) };
  return { request_range: range };
}

export function put(key: string, value: string): Operation {
  return { request_put: { key: toBase64(key), value: toBase64(value) } };
}

export function remove(key: string): Operation {
  return { request_delete_range: { key: toBase64(key) } };
}

/** Holds when the key is as it was read; undefined: when it is not there. */
export function unchanged(key: string, revision: string | undefined): JsonObject {
  return revision === undefined
    ? { key: toBase64(key), target: "CREATE", result: "EQUAL", create_revision: "0" }
    : { key: toBase64(key), target: "MOD", result: "EQUAL", mod_revision: revision };
}

/** `--max-txn-ops`, as etcd has it unless it is told otherwise. */
export const operationsMax = 128;

export interface Transacted {
  /** Whether all comparisons held. */
  readonly succeeded: boolean;
  /** What the ranges among the operations gave, in order. */
  readonly ranges: readonly (readonly KeyValue[])[];
  /** The revision that all keys have which were written by it. */
  readonly revision: string;
}

/**
 * One transaction.
 */
export async function transact(
  client: EtcdClient,
  { compare = [], operations, act }: {
    readonly compare?: readonly JsonObject[]; readonly operations: readonly Operation[]; readonly act: string;
  },
): Promise<Transacted> {
  const answer = await client.post("/v3/kv/txn", { compare: [...compare], success: [...operations], failure: [] }, act);
  const { responses = [], succeeded = false, header } = answer;
  const { revision } = isJsonObject(header) ? header : {};
  if (!Array.isArray(responses) || typeof revision !== "string") throw notEtcd(act);
  const ranges = responses.filter(isJsonObject).map((one) => one["response_range"]).filter(isJsonObject);
  return { revision, succeeded: succeeded === true, ranges: ranges.map((range) => keyValues(range["kvs"], act)) };
}

function keyValues(kvs: unknown, act: string): readonly KeyValue[] {
  if (kvs === undefined) return [];
  if (!Array.isArray(kvs)) throw notEtcd(act);
  return kvs.map((kv: unknown) => {
    const { key, value = "", mod_revision: revision } = isJsonObject(kv) ? kv : {};
    if (typeof key !== "string" || typeof value !== "string" || typeof revision !== "string") throw notEtcd(act);
    return { key: fromBase64(key), value: fromBase64(value), revision };
  });
}

function notEtcd(act: string): CniError {
  return new CniError(code.ioFailure, `Cannot ${act}: the answer is none of etcd's, expected version 3.4 or later`);
}
