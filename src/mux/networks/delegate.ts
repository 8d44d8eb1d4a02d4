import type { NetworkConf } from "../../cni/index.ts";
import {
  CniError,
  code,
  finishNetwork,
  impliedVersion,
  parseJson,
  parseNetworkList,
  parseSinglePlugin,
  requireNetworkName,
} from "../../cni/index.ts";
import type { GatewayPlan } from "../../nad/index.ts";
import { hasPluginType } from "../../nad/index.ts";
import type { AddressClaim } from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject, madeOnce } from "../../schema/index.ts";
import type { ScratchDelegate, ScratchRequests } from "../../store/index.ts";
import { nestingProblem } from "./nesting.ts";

/** A network this container gets: its configuration read, and the text of it that is kept for DEL. */
export interface Delegate {
  /** What people know it by: the CNI name, unless an object in a cluster defined it. */
  readonly displayName: string;
  readonly network: NetworkConf;
  /** Written as a list of plugins, not as a single one. */
  readonly list: boolean;
  readonly fromFile: boolean;
  /** The node's own: it may name files of the node. */
  readonly trusted: boolean;
  readonly confText: string;
  /** What the selection of this network asked for. */
  readonly requests: ScratchRequests;
  /** Capability arguments of the selection; the default network gets none of them. */
  readonly capabilityArgs: JsonObject;
  /** What becomes of the default routes of its interface; absent: they stay as the plugins leave them. */
  readonly gateways?: GatewayPlan;
  /** The element of the pod's annotation that asked for it, as JSON; absent: the node's configuration did. */
  readonly selection?: string | undefined;
  /** What its addresses are to be kept for; absent: nothing beyond the container. */
  readonly claim?: Omit<AddressClaim, "kept">;
  /** It is attached while the pod runs. */
  readonly isChange?: boolean;
  /** The node's own addition to every container, which nobody needs to be told of. */
  readonly auxiliary?: boolean;
}

export interface DelegateSource {
  /** Where the configuration stands, for messages: `delegates[1] of network "pods"`, a path. */
  readonly subject: string;
  /** Version of a list that names none. */
  readonly defaultVersion: string;
  readonly fromFile?: boolean;
  /** Absent: somebody with rights in one namespace of a cluster may have written it. */
  readonly trusted?: boolean;
  /** It was attached as it stands: what an earlier release took can be taken away, however long it is. */
  readonly attached?: true;
  /** Absent: the CNI name. */
  readonly displayName?: string;
  readonly requests?: ScratchRequests;
  readonly capabilityArgs?: JsonObject;
}

/** Each is run for each container, and the next container of that lock waits. Real lists have fewer than ten. */
const pluginsMax = 100;

/**
 * Reads one network's configuration: a single plugin when it has a `type`, else a list of plugins.
 *
 * @throws CniError 7 naming the key
 */
export function parseDelegate(json: unknown, source: DelegateSource): Delegate {
  const { subject, defaultVersion, fromFile = false, trusted = false, requests = {}, capabilityArgs = {} } = source;
  if (!isJsonObject(json)) throw refusal(subject, "it is no object, expected one with type or plugins");
  const single = hasPluginType(json);
  if (!single && !("plugins" in json)) throw refusal(subject, "it has neither type nor plugins, expected one of them");
  const parsed = single
    ? parseSinglePlugin(json, subject)
    : finishNetwork(parseNetworkList(json, subject), [], subject);
  const network = { ...parsed, cniVersion: parsed.cniVersion || (single ? impliedVersion : defaultVersion) };
  requireNetworkName(network.name, subject);
  if (network.plugins.length > pluginsMax && source.attached !== true)
    throw refusal(subject, `plugins has ${network.plugins.length} entries, expected at most ${pluginsMax}`);
  const problem = network.plugins.map(nestingProblem).find((one) => one !== undefined);
  if (problem !== undefined) throw refusal(subject, problem);
  return {
    displayName: source.displayName || network.name,
    network,
    list: !single,
    fromFile,
    trusted,
    confText: JSON.stringify(single || parsed.cniVersion !== "" ? json : withVersion(json, network.cniVersion)),
    requests,
    capabilityArgs,
  };
}

/** A list says which version it is run in: Multus, where it is to delete it, takes one that says nothing for none. */
function withVersion(list: JsonObject, cniVersion: string): JsonObject {
  const others = Object.entries(list).filter(([key]) => key.toLowerCase() !== "cniversion");
  return { cniVersion, ...Object.fromEntries(others) };
}

/** The network of a scratch entry, with what its selection had asked for. */
export function delegateFromScratch(entry: ScratchDelegate, defaultVersion: string): Delegate {
  const { confText, displayName, fromFile, requests, own = { capabilityArgs: handedOn(requests) } } = entry;
  // Multus does not say. Only an object in a cluster has a name with a "/", and what it took from a file of the node is
  // the node's again.
  const { trusted = fromFile || !displayName.includes("/"), capabilityArgs = {} } = own;
  const json = parseJson(confText, "a network of the scratch file");
  return {
    ...parseDelegate(json, {
      subject: "the scratch file",
      defaultVersion,
      attached: true,
      displayName,
      fromFile,
      trusted,
      requests,
      capabilityArgs,
    }),
    confText,
  };
}

export const toScratch = madeOnce(({
  displayName,
  confText,
  list,
  fromFile,
  trusted,
  requests,
  capabilityArgs,
  gateways,
  selection,
  isChange,
}: Delegate): ScratchDelegate => ({
  displayName, confText, list, fromFile, requests,
  ...(gateways === undefined ? {} : { strips: { v4: gateways.stripV4, v6: gateways.stripV6 } }),
  own: {
    trusted, ...(Object.keys(capabilityArgs).length === 0 ? {} : { capabilityArgs }),
    ...(selection === undefined ? {} : { selection }), ...(isChange === true ? { isChange } : {}),
  },
}));

/**
 * Multus writes requests down only; this much of what it gave to plugins can be told from them, the rest is in its
 * cache.
 */
function handedOn({ ips, mac, infinibandGuid, deviceId }: ScratchRequests): JsonObject {
  return Object.fromEntries(
    Object.entries({ ips, mac, infinibandGUID: infinibandGuid, deviceID: deviceId }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

function refusal(subject: string, problem: string): CniError {
  return new CniError(code.invalidConfig, `Cannot read ${subject}: ${problem}`);
}
