import { CniError, code, parseJsonObject } from "../../cni/index.ts";
import type { NetworkDefinition, NetworkSelection } from "../../nad/index.ts";
import { declares, selectionCapabilities, withCniArgs, withDevice } from "../../nad/index.ts";
import type { ScratchRequests } from "../../store/index.ts";
import type { MuxConf } from "../conf.ts";
import type { Delegate } from "../networks/delegate.ts";
import { parseDelegate } from "../networks/delegate.ts";
import { runTypes } from "../networks/nesting.ts";
import { findByName } from "../networks/network-files.ts";

/** What a network is made with, for one pod. */
export interface DelegateParts {
  readonly definition: NetworkDefinition;
  /** Absent: the node's configuration names it, nobody asks anything of it. */
  readonly selection?: NetworkSelection | undefined;
  /** Of the definition's resource, as the kubelet allocated it. */
  readonly deviceId?: string | undefined;
  /** It is to be the pod's default network, whose capability arguments are the runtime's. */
  readonly isDefault?: boolean;
}

/** Arguments that reach plugins without a capability too, in CNI_ARGS: whether they were heard shows in the result. */
const heardAnyway: ReadonlySet<string> = new Set(["ips", "mac"]);

/**
 * A network of a NetworkAttachmentDefinition, with what the pod asks of it and its device put into the configuration.
 *
 * @param ignored  told what the pod asks for and no plugin of the network takes
 * @throws CniError 7 naming the definition and the key
 */
export function delegateOf(
  { definition, selection, deviceId, isDefault = false }: DelegateParts,
  conf: MuxConf,
  ignored: (problem: CniError) => void,
): Delegate {
  const { displayName } = definition;
  const file = definition.config === undefined ? findByName(definition.name, conf) : undefined;
  const given =
    definition.config ?? parseJsonObject(file?.confText ?? "{}", `the configuration file of network "${displayName}"`);
  const withArgs = selection?.cniArgs === undefined ? given : withCniArgs(given, selection.cniArgs);
  const own = deviceId === undefined ? withArgs : withDevice(withArgs, deviceId);
  const asked = selection === undefined ? {} : selectionCapabilities(selection, deviceId);
  let delegate = parseDelegate(own, {
    subject:
      file === undefined
        ? `NetworkAttachmentDefinition "${displayName}"`
        : `the configuration file of network "${displayName}"`,
    defaultVersion: conf.cniVersion,
    displayName,
    capabilityArgs: isDefault ? {} : asked,
    fromFile: file?.fromFile ?? false,
    trusted: file?.trusted ?? false,
    requests: requestsOf({ definition, selection, deviceId }),
  });
  if (selection !== undefined && !isDefault) delegate = { ...delegate, selection: JSON.stringify(selection) };
  if (!delegate.trusted) refuseOtherTypes(delegate, conf.cluster.networkTypes);
  // A device of the kubelet's is in the configuration itself.
  const isHeard = (name: string): boolean =>
    heardAnyway.has(name) ||
    (name === "deviceID" && deviceId !== undefined) ||
    (!isDefault && declares(delegate.network.plugins, name));
  const unheard = Object.keys(asked).filter((name) => !isHeard(name));
  if (unheard.length > 0) ignored(unheardRequest(displayName, unheard, isDefault));
  return delegate;
}

/** A network of the cluster may run what the node lets it; one out of the node's own files may run anything. */
function refuseOtherTypes({ displayName, network }: Delegate, allowed: readonly string[] | undefined): void {
  const refused = network.plugins.flatMap(runTypes).find(({ type }) => allowed?.includes(type) === false);
  if (refused === undefined) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use network "${displayName}": ${refused.path} is "${refused.type}", which is not in networkTypes of this ` +
      `node, expected ${allowed?.join(", ") || "no network of the cluster"}`,
  );
}

function unheardRequest(network: string, names: readonly string[], isDefault: boolean): CniError {
  return new CniError(
    code.invalidConfig,
    `Cannot give network "${network}" what the pod asks for: ${
      isDefault
        ? `${names.join(", ")} of a pod's default network come from the runtime, expected none of them in the ` +
          "annotation"
        : `no plugin of it declares the capability ${names.join(", ")}, expected "capabilities": {"${names[0]}": ` +
          "true} in one of them"
    }`,
  );
}

function requestsOf({ definition, selection, deviceId }: DelegateParts): ScratchRequests {
  const { ifName, mac, infinibandGuid, ips, defaultRoute } = selection ?? {};
  const device = deviceId ?? selection?.deviceId;
  return {
    ...(ifName === undefined ? {} : { ifName }), ...(mac === undefined ? {} : { mac }),
    ...(infinibandGuid === undefined ? {} : { infinibandGuid }), ...(ips === undefined ? {} : { ips }),
    ...(defaultRoute === undefined ? {} : { defaultRoute }), ...(device === undefined ? {} : { deviceId: device }),
    ...(definition.resourceName === "" ? {} : { resourceName: definition.resourceName }),
  };
}
