import { createHash } from "node:crypto";

/**
 * Where things are in etcd, below the store's prefix and the scope. Hex is an address as 32 digits.
 *
 *   <hex>                      who has the address, or who it is held or remembered for
 *   <hex>/block                whose the block that begins there is, and where its range sets went last
 *   node/<node>/<hex>          an address or (with /block) a block of a node: what it has is found without reading all
 *   node/<node>/machine        which machine calls itself so
 *   key/<digest>/<hex>         what is held or remembered for an owner key
 */
export interface Keys {
  readonly scope: string;
  /** All entries and blocks: from the first to before the second. */
  readonly data: readonly [string, string];
  entry(id: string): string;
  block(id: string): string;
  /** All keys by which others are found: from the first to before the second. */
  readonly files: readonly [string, string];
  node(node: string): string;
  machine(node: string): string;
  nodeEntry(node: string, id: string): string;
  nodeBlock(node: string, id: string): string;
  ownerKey(key: string): string;
  ownerKeyEntry(key: string, id: string): string;
}

export function keysOf(prefix: string, scopeName: string): Keys {
  const scope = `${prefix.replace(/\/+$/, "")}/${encodeURIComponent(scopeName)}/`;
  const node = (name: string): string => `${scope}node/${encodeURIComponent(name)}/`;
  const ownerKey = (key: string): string =>
    `${scope}key/${createHash("sha256").update(key).digest("hex").slice(0, 32)}/`;
  return {
    scope,
    // Digits and letters a to f are before "g".
    data: [`${scope}0`, `${scope}g`],
    files: [`${scope}k`, `${scope}o`],
    entry: (id) => `${scope}${id}`,
    block: (id) => `${scope}${id}/block`,
    node,
    machine: (name) => `${node(name)}machine`,
    nodeEntry: (name, id) => `${node(name)}${id}`,
    nodeBlock: (name, id) => `${node(name)}${id}/block`,
    ownerKey,
    ownerKeyEntry: (key, id) => `${ownerKey(key)}${id}`,
  };
}

/** The first key behind all that begin so; such keys are ASCII. */
export function endOf(start: string): string {
  return start.slice(0, -1) + String.fromCharCode(start.charCodeAt(start.length - 1) + 1);
}

export function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

export function fromBase64(text: string): string {
  return Buffer.from(text, "base64").toString();
}
