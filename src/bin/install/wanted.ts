/** What a node is to look like: the files and links of ours, and the files of others that have to make way. */
import { basename, dirname, join } from "node:path";
import type { JsonObject } from "../../cni/index.ts";
import { parseJsonObject } from "../../cni/index.ts";
import { CommandError } from "../command-error.ts";
import { configFile } from "./config-file.ts";
import type { NodeFiles } from "./files.ts";
import type { IdentitySource } from "./identity.ts";
import { kubeconfigText, readIdentity } from "./identity.ts";
import type { MultusSettings } from "./multus-file.ts";
import { readMultusFile } from "./multus-file.ts";
import type { Place } from "./place.ts";
import { inside } from "./place.ts";
import type { Primary } from "./primary.ts";
import { PrimaryError, capabilitiesOf, findPrimary, pluginsOf } from "./primary.ts";
import type { Area, InstallState } from "./state.ts";
import { ownFolder } from "./state.ts";
import type { Tree } from "./tree.ts";

export interface InstallRequest {
  readonly places: Readonly<Record<Area, Place>>;
  /** Our configuration's name without its extension. */
  readonly stem: string;
  /** Undefined: the plugin directory is left alone. */
  readonly tree: Tree | undefined;
  /** Names besides `polynic` that are made in the plugin directory where they are missing. */
  readonly links: readonly string[];
  readonly identity: IdentitySource;
  /** A kubeconfig that is there already, as the node knows it. */
  readonly kubeconfig: string | undefined;
  /** Where to write one, if it is to be somewhere in particular. */
  readonly kubeconfigHost: string | undefined;
  /** A configuration to be installed as it is, as this process sees it; undefined: one is generated. */
  readonly confFile: string | undefined;
  readonly masterName: string | undefined;
  readonly cniVersion: string | undefined;
  readonly forceVersion: boolean;
  readonly overrideName: boolean;
  readonly reference: boolean;
  readonly renamePrimary: boolean;
  /** Keys the caller sets; they win over a Multus's. */
  readonly keys: JsonObject;
}

export interface WantedFile {
  /** Relative to the configuration directory. */
  readonly name: string;
  readonly content: string;
  readonly mode: number;
  readonly secret: boolean;
}

export interface Wanted {
  /** Token, authority and kubeconfig, in the order they must be there. */
  readonly access: readonly WantedFile[];
  readonly config: WantedFile;
  /** The file the default network was read from, when it was one. */
  readonly primary: Primary | undefined;
  /** What the operator should know. */
  readonly notes: readonly string[];
}

/** Only root reads them: a configuration may hold credentials, the token is one. */
const secretMode = 0o600;

/**
 * @param multus  a Multus's files in the configuration directory that the runtime would take before ours
 * @throws PrimaryError while there is no default network; CommandError for what cannot be done
 */
export function wantedFiles(request: InstallRequest, { state, multus, files }: { readonly state: InstallState | undefined; readonly multus: readonly string[]; readonly files: NodeFiles }): Wanted {
  const settings = multusSettings(request, state, multus, files);
  const { access, kubeconfig } = accessFiles(request, settings, files);
  const notes = kubeconfig === undefined ? ["there is no service account and no kubeconfig: pods get the default network only, their annotations cannot be read"] : [];
  if (request.confFile !== undefined) return { access, config: copied(request.confFile, files), primary: undefined, notes };
  const { cniVersion, name, capabilities, networks, primary } = defaultNetwork(request, { settings, state, files });
  const { name: file, text } = configFile({
    cniVersion, capabilities, kubeconfig, networks,
    name: request.overrideName ? name : settings?.name ?? networkName,
    // Pods that a Multus has let pass are to start here as they did there.
    keys: { ...(settings === undefined ? {} : { strictSelections: false }), ...settings?.keys, ...request.keys },
  }, request.stem);
  return { access, config: { name: file, content: text, mode: secretMode, secret: false }, primary, notes };
}

/** The name Multus's entry point gives: results that runtimes keep by it are found again in either direction. */
const networkName = "multus-cni-network";

function multusSettings({ places }: InstallRequest, state: InstallState | undefined, multus: readonly string[], files: NodeFiles): MultusSettings | undefined {
  const before = state?.moved.filter(({ why }) => why === "front").map(({ to }) => to) ?? [];
  return [...multus, ...before].map((name) => readMultusFile(join(places.conf.seen, name), files)).find((settings) => settings !== undefined);
}

/** @returns the files to write, and the kubeconfig's path as the node's processes know it */
export function accessFiles(request: InstallRequest, settings: MultusSettings | undefined, files: NodeFiles): { access: readonly WantedFile[]; kubeconfig: string | undefined } {
  if (request.kubeconfig !== undefined) return { access: [], kubeconfig: request.kubeconfig };
  const identity = readIdentity(request.identity, files);
  if (identity === undefined) return { access: [], kubeconfig: settings?.kubeconfig };
  const host = request.kubeconfigHost ?? inside(request.places.conf, join(ownFolder, "kubeconfig")).host;
  // Its directory on the node may be mounted anywhere: what counts is the folder inside the configuration directory.
  const folder = basename(dirname(host)), name = (file: string) => join(folder, file);
  const secret = { mode: secretMode, secret: true };
  const tokenFile = `${basename(host)}.token`, authorityFile = `${basename(host)}.crt`;
  return {
    kubeconfig: host,
    access: [
      ...(identity.authority === undefined ? [] : [{ ...secret, name: name(authorityFile), content: identity.authority }]),
      { ...secret, name: name(tokenFile), content: identity.token },
      { ...secret, name: name(basename(host)), content: kubeconfigText(identity, { tokenFile, authorityFile }), secret: false },
    ],
  };
}

interface DefaultNetwork {
  readonly cniVersion: string;
  readonly name: string;
  readonly capabilities: Readonly<Record<string, true>>;
  readonly networks: { readonly delegates: readonly JsonObject[] } | { readonly clusterNetwork: string };
  readonly primary: Primary | undefined;
}

function defaultNetwork(request: InstallRequest, { settings, state, files }: { settings: MultusSettings | undefined; state: InstallState | undefined; files: NodeFiles }): DefaultNetwork {
  const own = settings?.own;
  if (own !== undefined && request.masterName === undefined) {
    const { cniVersion, json, delegates, clusterNetwork } = own;
    const capabilities = capabilitiesOf({ ...json, plugins: delegates?.flatMap(pluginsOf) ?? [] });
    return { cniVersion, name: settings?.name ?? networkName, capabilities, primary: undefined, networks: delegates === undefined ? { clusterNetwork: clusterNetwork ?? "" } : { delegates } };
  }
  return fromPrimary(request, primaryOf(request, { settings, state, files }));
}

/** The file, or what a Multus has kept of it: its entry point may have renamed it. */
function primaryOf(request: InstallRequest, { settings, state, files }: { settings: MultusSettings | undefined; state: InstallState | undefined; files: NodeFiles }): Primary {
  const renamed = state?.moved.filter(({ why }) => why === "asked") ?? [];
  try {
    return findPrimary({ directory: request.places.primary.seen, wanted: request.masterName, renamed, ours: request.stem }, files);
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
    throw new PrimaryError(`Cannot use the primary configuration ${path}: its cniVersion is ${primary.cniVersion}, expected ${asked} as --cni-version says`);
  }
  const cniVersion = asked ?? primary.cniVersion;
  const networks = reference && path !== "" ? { clusterNetwork: inside(request.places.primary, primary.name).host } : { delegates: [forceVersion ? { ...json, cniVersion } : json] };
  return { cniVersion, name, capabilities: capabilitiesOf(json), networks, primary: path === "" ? undefined : primary };
}

function copied(path: string, files: NodeFiles): WantedFile {
  const content = files.read(path);
  if (content === undefined) throw new CommandError(`Cannot install ${path}: it is not there, expected the configuration --multus-conf-file names`);
  parseJsonObject(content, path);
  return { name: basename(path), content, mode: secretMode, secret: false };
}

/** The types a configuration names for itself, which the runtime looks for in the plugin directory. */
export function typesOf(file: WantedFile): readonly string[] {
  return pluginsOf(parseJsonObject(file.content, file.name)).map(({ type }) => String(type));
}
