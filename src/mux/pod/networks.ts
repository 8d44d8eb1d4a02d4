import { withContext } from "../../call/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Pod, PodKey } from "../../kube/index.ts";
import type { IsolationRule, NetworkDefinition, NetworkSelection } from "../../nad/index.ts";
import {
  annotation,
  parseGlobalNamespaces,
  parseSelections,
  planGateways,
  readSelections,
  refuseForeignNamespace,
} from "../../nad/index.ts";
import type { MuxConf } from "../conf.ts";
import type { Delegate } from "../networks/delegate.ts";
import type { FindInCluster } from "../networks/resolve.ts";
import { auxiliaryChain, configuredDelegates, isReferenceByName } from "../networks/resolve.ts";
import { UnusableNetwork } from "../networks/unusable-network.ts";
import type { FindClaim } from "./claims.ts";
import type { FindDefinition } from "./definitions.ts";
import { MissingDefinition } from "./definitions.ts";
import type { DelegateParts } from "./delegates.ts";
import { delegateOf } from "./delegates.ts";
import type { DeviceQueue } from "./devices.ts";
import { noDevice } from "./devices.ts";

/** What the networks of one command are looked up with. */
export interface Lookup {
  readonly conf: MuxConf;
  readonly find: FindDefinition;
  readonly devices: DeviceQueue;
  /** What a network's addresses are to be kept for; absent: nobody is about to get any. */
  readonly claim?: FindClaim;
  /** Told what Multus would let pass; throws where the configuration calls it an error. */
  ignored(problem: CniError, kind: "request" | "device"): void;
}

/** Looks networks of the node's configuration up in the namespace set aside for them. */
export function findForNode(lookup: Lookup): FindInCluster {
  return async (name) => await delegateFor({ namespace: lookup.conf.cluster.multusNamespace, name }, {}, lookup);
}

/**
 * The networks of a pod in order: the node's default network, or the one the pod is annotated to have instead; the
 * node's others; those the pod asks for, in the order it does; the node's auxiliary chain. The order names interfaces.
 *
 * @throws CniError 7 for an annotation or a network that is refused or not there, 11 when the API or the kubelet cannot
 *   tell
 */
export async function networksOfPod(pod: Pod, lookup: Lookup): Promise<readonly Delegate[]> {
  const { conf } = lookup;
  const asked = selectionsOf(pod, lookup);
  const isSystem = conf.cluster.systemNamespaces.includes(pod.namespace);
  const node = isSystem ? { ...conf, defaultNetworks: [] } : conf;
  const ofNode = [node.clusterNetwork, ...node.defaultNetworks]
    .filter(isReferenceByName)
    .map((name) => ({ namespace: conf.cluster.multusNamespace, name }));
  // Requests go out together; none must be a rejection that nobody waits for.
  for (const key of [...ofNode, ...asked]) lookup.find(key).catch(() => {});
  const configured = await configuredDelegates(node, findForNode(lookup));
  const instead = await defaultNetworkOf(pod, lookup);
  const delegates = instead === undefined ? [...configured] : [instead, ...configured.slice(1)];
  for (const selection of asked) {
    delegates.push(await delegateFor(selection, { selection }, lookup));
    refuseTooMuchText(delegates);
  }
  return [...asked.length === 0 ? delegates : withGatewayPlans(delegates), ...auxiliaryChain(conf)];
}

/**
 * A configuration has some KiB. It is kept in memory and on disk for each network, and one definition of a megabyte may
 * be asked for a thousand times.
 */
const confCharsMax = 4 * 1024 * 1024;

function refuseTooMuchText(delegates: readonly Delegate[]): void {
  const chars = delegates.reduce((sum, { confText }) => sum + confText.length, 0);
  if (chars <= confCharsMax) return;
  const { displayName } = delegates.at(-1) ?? { displayName: "" };
  throw new UnusableNetwork(
    displayName,
    "refused",
    new CniError(
      code.invalidConfig,
      `Cannot use network "${displayName}": with it the configurations of ${delegates.length} networks of the pod ` +
        `have ${chars} characters, expected at most ${confCharsMax}`,
    ),
  );
}

/** What the pod asks for in its annotation. */
export function selectionsOf(pod: Pod, lookup: Pick<Lookup, "conf" | "ignored">): readonly NetworkSelection[] {
  const selections = readAnnotation(pod, { key: annotation.networks, namespace: pod.namespace }, lookup);
  const rule = isolationOf(pod, lookup);
  for (const selection of selections) refuseForeignNamespace(selection, rule);
  return selections;
}

/** @param more  namespaces that pods may use beside the global ones */
function isolationOf(pod: Pod, { conf }: Pick<Lookup, "conf">, more: readonly string[] = []): IsolationRule {
  const { namespaceIsolation, globalNamespaces } = conf.cluster;
  return {
    podNamespace: pod.namespace,
    isolated: namespaceIsolation,
    globalNamespaces: [...more, ...parseGlobalNamespaces(globalNamespaces)],
  };
}

/**
 * What an annotation selects. What the multi-network specification forbids in it and Multus lets pass is told where it
 * is let pass.
 */
function readAnnotation(
  pod: Pod,
  { key, namespace }: { readonly key: string; readonly namespace: string },
  { conf, ignored }: Pick<Lookup, "conf" | "ignored">,
): readonly NetworkSelection[] {
  const text = pod.annotations[key] ?? "";
  if (text.trim() === "") return [];
  const subject = subjectOf(key, pod), strict = conf.cluster.strictSelections;
  const selections = parseSelections(text, { subject, namespace, strict });
  const problems = strict ? [] : readSelections(text, { namespace, strict: true }).problems;
  for (const problem of problems)
    ignored(
      new CniError(problem.code, `Cannot hold ${subject} to the multi-network specification: ${problem.text}`),
      "request",
    );
  return selections;
}

/**
 * The pod's own choice of default network, which stands in for the node's. Those of the node's namespace are there to
 * be chosen; others are isolated as in the pod's list.
 */
async function defaultNetworkOf(pod: Pod, lookup: Lookup): Promise<Delegate | undefined> {
  const key = annotation.defaultNetwork;
  if ((pod.annotations[key] ?? "").trim() === "") return undefined;
  const [selection, second] = readAnnotation(pod, { key, namespace: lookup.conf.cluster.multusNamespace }, lookup);
  if (selection === undefined || second !== undefined) {
    throw new CniError(
      code.invalidConfig,
      `Cannot read ${subjectOf(key, pod)}: it names ` +
        `${selection === undefined ? "no network" : "more than one network"}, expected exactly one`,
    );
  }
  refuseForeignNamespace(selection, isolationOf(pod, lookup, [lookup.conf.cluster.multusNamespace]));
  return await delegateFor(selection, { selection, isDefault: true }, lookup);
}

type Wish = Pick<DelegateParts, "selection" | "isDefault">;

/** A network by its definition's name. */
export async function delegateFor(key: PodKey, wish: Wish, lookup: Lookup): Promise<Delegate> {
  const displayName = `${key.namespace}/${key.name}`;
  const definition = await lookup.find({ namespace: key.namespace, name: key.name }).catch((error: unknown) => {
    throw new UnusableNetwork(displayName, error instanceof MissingDefinition ? "not found" : "refused", error);
  });
  try {
    return await usableDelegate(definition, wish, lookup);
  } catch (error) {
    throw new UnusableNetwork(displayName, "refused", error);
  }
}

async function usableDelegate(definition: NetworkDefinition, wish: Wish, lookup: Lookup): Promise<Delegate> {
  const { resourceName, displayName } = definition;
  const deviceId = resourceName === "" ? undefined : await nextDevice(resourceName, displayName, lookup);
  if (resourceName !== "" && deviceId === undefined && wish.selection?.deviceId === undefined)
    lookup.ignored(noDevice(displayName, resourceName), "device");
  const delegate = delegateOf({ definition, ...wish, deviceId }, lookup.conf, (problem) =>
    lookup.ignored(problem, "request"));
  const claim = wish.selection === undefined ? undefined : await lookup.claim?.(wish.selection, delegate.network);
  return claim === undefined ? delegate : { ...delegate, claim };
}

async function nextDevice(resourceName: string, network: string, { devices }: Lookup): Promise<string | undefined> {
  try {
    return await devices.next(resourceName);
  } catch (error) {
    throw withContext(error, `Cannot find the device of network "${network}" (resource "${resourceName}")`);
  }
}

function withGatewayPlans(delegates: readonly Delegate[]): readonly Delegate[] {
  const plans = planGateways(
    delegates.map(({ requests }) => requests.defaultRoute),
    delegates.map(({ displayName }) => displayName),
  );
  return delegates.map((delegate, index) => {
    const gateways = plans?.[index];
    return gateways === undefined ? delegate : { ...delegate, gateways };
  });
}

function subjectOf(name: string, { namespace, name: pod }: PodKey): string {
  return `annotation ${name} of pod "${namespace}/${pod}"`;
}
