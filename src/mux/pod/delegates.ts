import type { JsonObject } from "../../cni/index.ts";
import { CniError, code, parseJsonObject } from "../../cni/index.ts";
import type { NetworkDefinition, NetworkSelection } from "../../nad/index.ts";
import { selectionCapabilities, undeclaredCapabilities, withCniArgs, withDevice } from "../../nad/index.ts";
import type { ScratchRequests } from "../../store/index.ts";
import type { MuxConfig } from "../config.ts";
import type { Delegate } from "../delegate.ts";
import { parseDelegate } from "../delegate.ts";
import { findByName } from "../resolve.ts";

/** What a network is made with, for one pod. */
export interface DelegateParts {
  readonly definition: NetworkDefinition;
  /** Absent: the node's configuration names it, nobody asks anything of it. */
  readonly selection?: NetworkSelection | undefined;
  /** Of the definition's resource, as the kubelet allocated it. */
  readonly deviceId?: string | undefined;
}

/** Arguments that reach plugins without a capability too: in CNI_ARGS, and a device in the configuration itself. */
const heardAnyway: ReadonlySet<string> = new Set(["ips", "mac"]);

/**
 * A network of a NetworkAttachmentDefinition, with what the pod asks of it and its device put into the configuration.
 *
 * @param ignored  told what the pod asks for and no plugin of the network takes
 * @throws CniError 7 naming the definition and the key
 */
export function delegateOf({ definition, selection, deviceId }: DelegateParts, config: MuxConfig, ignored: (problem: CniError) => void): Delegate {
  const { displayName } = definition;
  const file = definition.config === undefined ? findByName(definition.name, config) : undefined;
  const given = definition.config ?? parseJsonObject(file?.config ?? "{}", `the configuration file of network "${displayName}"`);
  const withArgs = selection?.cniArgs === undefined ? given : withCniArgs(given, selection.cniArgs);
  const conf = deviceId === undefined ? withArgs : withDevice(withArgs, deviceId);
  const capabilityArgs = selection === undefined ? {} : selectionCapabilities(selection, deviceId === undefined ? {} : { deviceId });
  refuseUnheard(conf, deviceId === undefined ? capabilityArgs : without(capabilityArgs, "deviceID"), displayName, ignored);
  return parseDelegate(conf, {
    subject: file === undefined ? `NetworkAttachmentDefinition "${displayName}"` : `the configuration file of network "${displayName}"`,
    defaultVersion: config.cniVersion, displayName, capabilityArgs,
    fromFile: file?.fromFile ?? false, trusted: file?.trusted ?? false,
    requests: requestsOf({ definition, selection, deviceId }),
  });
}

function refuseUnheard(conf: JsonObject, capabilityArgs: JsonObject, network: string, ignored: (problem: CniError) => void): void {
  const unheard = undeclaredCapabilities(conf, capabilityArgs).filter((name) => !heardAnyway.has(name));
  if (unheard.length === 0) return;
  ignored(new CniError(code.invalidConfig,
    `Cannot give network "${network}" what the pod asks for: no plugin of it declares the capability ${unheard.join(", ")}, expected "capabilities": {"${unheard[0]}": true} in one of them`));
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

function without(args: JsonObject, key: string): JsonObject {
  const { [key]: _, ...rest } = args;
  return rest;
}
