import { CniError } from "../../cni/index.ts";
import type { NetworkSelection } from "../../nad/index.ts";
import {
  declares,
  networkPlugins,
  selectionCapabilities,
  undeclaredCapabilities,
  withCniArgs,
} from "../../nad/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { CheckedDefinition } from "./definition.ts";
import type { Finding, Report } from "./finding.ts";
import { gather } from "./finding.ts";
import { checkNetwork } from "./network.ts";
import type { Spot } from "./spot.ts";

/** A selection with the place of its element. */
export interface PlacedSelection {
  readonly selection: NetworkSelection;
  /** Which element of its annotation it is. */
  readonly index: number;
  readonly spot: Spot;
}

/** Without its position, which does not matter to its network. */
type Request = Pick<PlacedSelection, "selection" | "spot">;

/** Checks what a pod asks of a network whose definition is at hand. */
export function checkRequests(
  { selection, spot }: Request,
  definition: CheckedDefinition,
  { report, isDefault }: { readonly report: Report; readonly isDefault: boolean },
): void {
  const { config, displayName } = definition;
  if (config === undefined) return;
  // The default network gets what the runtime sends, not what the pod asks for.
  const wanted = isDefault ? {} : selectionCapabilities(selection);
  for (const name of isDefault ? onlyByCapability(selection) : []) {
    report(
      "warning",
      spot.at(keyOf(name)),
      "a default network is handed what the runtime sends, not what a pod asks for: Multus drops it, polynic refuses " +
        `it unless "strictSelections" is false`,
    );
  }
  for (const name of undeclaredCapabilities(config, wanted)) {
    report(
      "warning",
      spot.at(keyOf(name)),
      `no plugin of "${displayName}" declares "capabilities": {"${name}": true}, so it reaches none: Multus drops ` +
        "it, polynic refuses it unless " +
        `${name === "ips" || name === "mac" ? "the network gives it anyway or " : ""}"strictSelections" is false`,
    );
  }
  const device = wanted["deviceID"] === undefined ? undefined : deviceProblem(definition, config);
  if (device !== undefined) report("warning", spot.at("deviceID"), device);
  checkTogether({ selection, spot }, definition, wanted, report);
}

/** What becomes of a device that a pod names, where it is not what the pod wants. */
function deviceProblem({ displayName, resourceName }: CheckedDefinition, config: JsonObject): string | undefined {
  if (resourceName !== "")
    return `"${displayName}" takes its device from resource ${resourceName}: this one is used only when none is ` +
      "allocated";
  if (declares(networkPlugins(config), "deviceID")) return undefined;
  return `no plugin of "${displayName}" declares "capabilities": {"deviceID": true}, so it reaches none`;
}

/** What CNI_ARGS and a configuration cannot carry. */
function onlyByCapability(selection: NetworkSelection): readonly string[] {
  return Object.keys(selectionCapabilities(selection)).filter((name) => !["ips", "mac", "deviceID"].includes(name));
}

/** Reads the network as it is with what the pod asks for; what is wrong without that has been said already. */
function checkTogether(
  { selection, spot }: Request,
  { config = {}, spot: definitionSpot, resourceName }: CheckedDefinition,
  wanted: JsonObject,
  report: Report,
): void {
  const { deviceID: _, ...args } = wanted;
  const withArgs = laidOver(config, selection.cniArgs, (message) => report("error", spot.at("cni-args"), message));
  if (withArgs === undefined) return;
  const found = (conf: JsonObject, capabilityArgs: JsonObject): readonly Finding[] => {
    const { findings, report: take } = gather();
    checkNetwork(conf, {
      spot: definitionSpot.inside(),
      report: take,
      trusted: false,
      hasDevice: resourceName !== "",
      defaultVersion: "",
      capabilityArgs,
    });
    return findings.filter(({ level }) => level === "error");
  };
  const before = new Set(found(config, {}).map(({ message }) => message));
  for (const { message, path } of found(withArgs, args)) {
    if (!before.has(message))
      report("error", spot, `with it the network is refused: ${path === "" ? "" : `${path}: `}${message}`);
  }
}

function laidOver(
  config: JsonObject,
  cniArgs: JsonObject | undefined,
  refuse: (message: string) => void,
): JsonObject | undefined {
  if (cniArgs === undefined) return config;
  try {
    return withCniArgs(config, cniArgs);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    refuse(error.message);
    return undefined;
  }
}

/** The annotation's key of a capability. */
function keyOf(capability: string): string {
  return capability === "infinibandGUID" ? "infiniband-guid" : capability;
}
