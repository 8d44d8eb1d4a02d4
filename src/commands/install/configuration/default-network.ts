/** The default network of our configuration: the cluster's own, by its file or as a Multus has kept it. */
import type { JsonObject } from "../../../schema/index.ts";
import type { NodeFiles } from "../node/files.ts";
import type { MultusSettings } from "./multus-file.ts";
import { inside } from "../node/place.ts";
import type { Primary } from "./primary.ts";
import { capabilitiesOf, findPrimary, pluginsOf, PrimaryError } from "./primary.ts";
import type { InstallRequest } from "../request.ts";
import type { InstallState } from "../node/state.ts";

/** The name Multus's entry point gives: results that runtimes keep by it are found again in either direction. */
export const multusNetworkName = "multus-cni-network";

/** What our configuration has of the network that pods get anyway. */
export interface DefaultNetwork {
  readonly cniVersion: string;
  readonly name: string;
  readonly capabilities: Readonly<Record<string, true>>;
  readonly networks: { readonly delegates: readonly JsonObject[] } | { readonly clusterNetwork: string };
  readonly primary: Primary | undefined;
}

/** What is known of the node. */
export interface NodeFacts {
  /** What a Multus here was told. */
  readonly settings: MultusSettings | undefined;
  readonly state: InstallState | undefined;
  readonly files: NodeFiles;
}

/**
 * The networks somebody has written into a Multus's configuration, else the primary configuration's.
 *
 * @throws PrimaryError while there is none
 */
export function defaultNetwork(request: InstallRequest, { settings, state, files }: NodeFacts): DefaultNetwork {
  const own = settings?.own;
  if (own !== undefined && request.masterName === undefined) {
    const { cniVersion, json, delegates, clusterNetwork } = own;
    const capabilities = capabilitiesOf({ ...json, plugins: delegates?.flatMap(pluginsOf) ?? [] });
    const networks = delegates === undefined ? { clusterNetwork: clusterNetwork ?? "" } : { delegates };
    return { cniVersion, name: settings?.name ?? multusNetworkName, capabilities, networks, primary: undefined };
  }
  return fromPrimary(request, primaryOf(request, { settings, state, files }));
}

/** The file, or what a Multus has kept of it: its entry point may have renamed it. */
function primaryOf(request: InstallRequest, { settings, state, files }: NodeFacts): Primary {
  const renamed = state?.moved.filter(({ why }) => why === "asked") ?? [];
  try {
    return findPrimary(
      { directory: request.places.primary.seen, wanted: request.masterName, renamed, ours: request.stem },
      files,
    );
  } catch (error) {
    const json = settings?.delegate;
    if (!(error instanceof PrimaryError) || json === undefined || request.masterName !== undefined) throw error;
    const { name, cniVersion } = json;
    if (typeof name !== "string" || typeof cniVersion !== "string") throw error;
    return { name: "", path: "", json, networkName: name, cniVersion };
  }
}

function fromPrimary(request: InstallRequest, primary: Primary): DefaultNetwork {
  const { json, networkName: name, path } = primary;
  const { cniVersion: asked, forceVersion, reference } = request;
  if (asked !== undefined && asked !== primary.cniVersion && !forceVersion) {
    throw new PrimaryError(
      `Cannot use the primary configuration ${path}: its cniVersion is ${primary.cniVersion}, expected ${asked} as ` +
        "--cni-version says",
    );
  }
  const cniVersion = asked ?? primary.cniVersion;
  const networks = reference && path !== ""
    ? { clusterNetwork: inside(request.places.primary, primary.name).host }
    : { delegates: [forceVersion ? { ...json, cniVersion } : json] };
  return { cniVersion, name, capabilities: capabilitiesOf(json), networks, primary: path === "" ? undefined : primary };
}
