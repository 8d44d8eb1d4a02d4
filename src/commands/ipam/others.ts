/** What the cluster tells of other nodes, of their pods and of IPAMClaims: who of them is gone. */
import { usualStateDir } from "../../call/index.ts";
import { CniError, messageOf } from "../../cni/index.ts";
import type { Evidence, ListedLease, Survey } from "../../ipam/index.ts";
import type { Inventory } from "../../kube/index.ts";
import { openInventory, openNodes } from "../../kube/index.ts";
import { bootId, realWorld } from "../../os/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { openAbsentNodes } from "../../store/index.ts";
import { CommandError } from "../errors.ts";
import type { ProcessEnvironment } from "../output.ts";
import type { ScopeOfMachine } from "./pools.ts";
import { resources } from "./whereabouts/objects.ts";

/** What is known of others than this node, gathered after they were listed. */
export interface Others {
  /** Of another node's lease: the node is gone, and so is its pod. */
  ofLease(lease: ListedLease): Evidence;
  /** undefined: it is there, or nobody can tell. */
  ofNode(node: string): Evidence | undefined;
  ofClaim(claim: string): Evidence;
}

export interface AskingOthers {
  readonly environment: ProcessEnvironment;
  /** Nodes that somebody says are gone for good. */
  readonly gone: readonly string[];
  /** For how long the cluster must not have had a node. */
  readonly nodeGraceMs: number;
  warn(line: string): void;
}

/** Longer than a node needs that is deleted and joins anew. */
export const usualNodeGraceMs = 15 * 60_000;
const limitMs = 20_000;

/**
 * Asks the cluster about what was surveyed. Where there is none, or it does not answer, nobody is gone but whom
 * somebody has said to be.
 *
 * @throws CommandError where somebody says that of a node that is there
 */
export async function askOthers(of: ScopeOfMachine, survey: Survey, asking: AskingOthers): Promise<Others> {
  const names = othersIn(survey, of.node);
  const nodes = await nodesGone(of, names, asking);
  const pods = await podsThere(of, survey.leases.filter(({ owner }) => nodes.get(owner.node)?.isGone === true), asking);
  const claims = survey.kept.length === 0 ? "" : await claimsThere(of, asking);
  return {
    ofNode: (node) => nodes.get(node),
    ofLease({ owner }) {
      const node = nodes.get(owner.node) ?? { isGone: false, reason: `it is of node "${owner.node}"` };
      const pod = node.isGone ? pods.get(podKey(owner)) : undefined;
      return pod === undefined ? node : { isGone: false, reason: `${node.reason}, and ${pod}` };
    },
    ofClaim(claim) {
      const kept = `it is kept for IPAMClaim "${claim}"`;
      if (typeof claims === "string") return { isGone: false, reason: `${kept}${claims}` };
      return claims.has(claim) ? { isGone: false, reason: `${kept}, which is there` }
        : { isGone: true, reason: `IPAMClaim "${claim}", which it was kept for, is gone` };
    },
  };
}

function othersIn({ leases, blocks }: Survey, own: string): readonly string[] {
  const names = new Set([...leases.map(({ owner }) => owner.node), ...blocks.map(({ node }) => node)]);
  names.delete(own);
  return [...names].sort();
}

/** Those of the nodes of which something is amiss. */
async function nodesGone(
  of: ScopeOfMachine, names: readonly string[], { environment, gone, nodeGraceMs, warn }: AskingOthers,
): Promise<ReadonlyMap<string, Evidence>> {
  if (gone.includes(of.node))
    throw new CommandError(`Cannot take node "${of.node}" for gone: it is this one, expected another one's name`);
  const said = new Map(names.filter((name) => gone.includes(name))
    .map((name) => [name, { isGone: true, reason: `its node "${name}" is gone, as --gone says` }]));
  const seen = names.length === 0 ? undefined : await clusterNodes(of, environment, warn);
  if (seen === undefined) return said;
  const { place, present } = seen, contradicted = gone.find((name) => present.has(name));
  if (contradicted !== undefined)
    throw new CommandError(
      `Cannot take node "${contradicted}" for gone: ${place} has it, expected it to be deleted there`);
  if (!present.has(of.node)) {
    if (names.some((name) => !present.has(name)))
      warn(`${place} has no node "${of.node}", which is this one: whose nodes are gone is not known, expected ` +
        "nodeName to be the name that the cluster has for it");
    return said;
  }
  const times = openAbsentNodes(usualStateDir, { bootId: bootId(), nowMs: () => realWorld.monotonicMs() })
    .note(place, [...present]);
  const absent = names.filter((name) => !present.has(name));
  return new Map([...absent.map((name) => [name, absence(name, times.get(name), nodeGraceMs)] as const), ...said]);
}

/** One that was never seen may be of another cluster that shares the store, or of none. */
function absence(node: string, absentMs: number | undefined, graceMs: number): Evidence {
  if (absentMs === undefined)
    return { isGone: false, reason: `the cluster was never seen to have its node "${node}", which is no evidence` };
  const since = `the cluster has had no node "${node}" for ${Math.floor(absentMs / 1000)} s`;
  return absentMs < graceMs ? { isGone: false, reason: `${since}, less than ${graceMs / 1000} s` }
    : { isGone: true, reason: since };
}

async function clusterNodes(
  { kubeconfig }: ScopeOfMachine, env: ProcessEnvironment, warn: (line: string) => void,
): Promise<{ readonly place: string; readonly present: ReadonlySet<string> } | undefined> {
  const nodes = openNodes({ kubeconfig, env, log: warn });
  if (nodes === undefined) return undefined;
  try {
    return { place: nodes.place, present: new Set((await nodes.names(limitMs))) };
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    warn(`${error.message}; nothing is freed of other nodes`);
    return undefined;
  } finally {
    nodes.close();
  }
}

/** Of leases of nodes that are gone, the pods that are there all the same, in words: their nodes have other names. */
async function podsThere(
  { kubeconfig }: ScopeOfMachine, leases: readonly ListedLease[], { environment: env }: AskingOthers,
): Promise<ReadonlyMap<string, string>> {
  const named = new Map(leases.filter(({ owner: { pod } }) => pod !== undefined && pod.namespace !== "")
    .map(({ owner }) => [podKey(owner), owner]));
  const inventory = named.size === 0 ? undefined : openInventory({ kubeconfig, env });
  if (inventory === undefined) return new Map();
  try {
    const found: (readonly [string, string])[] = [];
    for (const [key, owner] of named) {
      const why = await whyThere(inventory, owner);
      if (why !== undefined) found.push([key, why]);
    }
    return new Map(found);
  } finally {
    inventory.close();
  }
}

async function whyThere(inventory: Inventory, { pod }: ListedLease["owner"]): Promise<string | undefined> {
  if (pod === undefined) return undefined;
  const { namespace, name, uid } = pod, told = `pod "${namespace}/${name}"`;
  try {
    const object = await inventory.get(resources.pods, { namespace, name });
    const metadata = isJsonObject(object?.["metadata"]) ? object["metadata"] : {};
    return object !== undefined && (uid === "" || metadata["uid"] === uid) ? `its ${told} is there` : undefined;
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    return `nobody can tell of its ${told}: ${error.message}`;
  }
}

function podKey({ pod }: ListedLease["owner"]): string {
  return pod === undefined ? "" : `${pod.namespace}/${pod.name}/${pod.uid}`;
}

/** Their names; a text, which goes on from "it is kept for the claim", where nobody can tell. */
async function claimsThere(
  { kubeconfig }: ScopeOfMachine, { environment: env }: AskingOthers,
): Promise<ReadonlySet<string> | string> {
  const inventory = openInventory({ kubeconfig, env });
  if (inventory === undefined) return ", and no cluster is known that would tell of it";
  try {
    const objects = await inventory.list(resources.claims);
    if (objects === undefined) return ", and the cluster knows no such objects, which is no evidence";
    return new Set(objects.map(({ metadata }) => {
      const { namespace, name } = isJsonObject(metadata) ? metadata : {};
      return `${String(namespace)}/${String(name)}`;
    }));
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    return `, and nobody can tell of it: ${messageOf(error)}`;
  } finally {
    inventory.close();
  }
}
