import { existsSync } from "node:fs";
import { join } from "node:path";
import type { NodeSubnets } from "../../ipam/index.ts";
import { formatPrefix, parsePrefix } from "../../net/index.ts";
import { readJsonFile, writeJsonFile } from "./json-file.ts";

/** A node's name and two prefixes. */
const fileBytesMax = 4096;

/**
 * What the cluster said last of this node's subnets, kept for when it does not answer:
 * `{"node": "a", "podCIDRs": ["10.244.1.0/24"]}`.
 */
export interface KnownSubnets {
  /**
   * undefined: nothing is known of a node of this name; without a name, of this node, whatever it was called. A file
   * that holds something else is as good as none.
   */
  load(node?: string): NodeSubnets | undefined;
  /** Writes what is new. */
  save(known: NodeSubnets): void;
}

/** @param stateDir  made when there is something to write */
export function openKnownSubnets(stateDir: string): KnownSubnets {
  const path = join(stateDir, "node-subnets.json");
  const load = (node?: string): NodeSubnets | undefined => {
    // Missing is no failure, and an error costs more than looking.
    const known = existsSync(path) ? subnetsIn(path) : undefined;
    return node === undefined || known?.node === node ? known : undefined;
  };
  return {
    load,
    save({ node, subnets }) {
      const json = { node, podCIDRs: subnets.map(formatPrefix) }, known = load(node);
      if (known !== undefined && JSON.stringify(known.subnets.map(formatPrefix)) === JSON.stringify(json.podCIDRs))
        return;
      writeJsonFile(path, json);
    },
  };
}

function subnetsIn(path: string): NodeSubnets | undefined {
  const { node, podCIDRs } = readJsonFile(path, fileBytesMax) ?? {};
  if (typeof node !== "string" || !Array.isArray(podCIDRs)) return undefined;
  try {
    return { node, subnets: podCIDRs.map((text) => parsePrefix(String(text))) };
  } catch {
    return undefined;
  }
}
