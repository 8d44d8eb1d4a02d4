/** What a node is to look like: the files and links of ours, and the files of others that have to make way. */
import { basename, dirname, join } from "node:path";
import { parseJsonObject } from "../../../cni/index.ts";
import type { JsonObject } from "../../../schema/index.ts";
import { CommandError } from "../../errors.ts";
import { configFile } from "./config-file.ts";
import { defaultNetwork, multusNetworkName } from "./default-network.ts";
import type { NodeFiles } from "../node/files.ts";
import { kubeconfigText, readIdentity } from "./identity.ts";
import type { MultusSettings } from "./multus-file.ts";
import { readMultusFile } from "./multus-file.ts";
import { inside } from "../node/place.ts";
import type { Primary } from "./primary.ts";
import { pluginsOf } from "./primary.ts";
import type { InstallRequest } from "../request.ts";
import type { InstallState } from "../node/state.ts";
import { ownFolder } from "../node/state.ts";

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
export function wantedFiles(
  request: InstallRequest,
  {
    state,
    multus,
    files,
  }: { readonly state: InstallState | undefined; readonly multus: readonly string[]; readonly files: NodeFiles },
): Wanted {
  if (request.ownConf !== undefined) return ownConfiguration(request, request.ownConf, files);
  const settings = multusSettings(request, state, multus, files);
  const { access, kubeconfig } = accessFiles(request, settings, files);
  const notes = kubeconfig === undefined ? [withoutAccess] : [];
  if (request.confFile !== undefined)
    return { access, config: copied(request.confFile, files), primary: undefined, notes };
  const { cniVersion, name, capabilities, networks, primary } = defaultNetwork(request, { settings, state, files });
  const { name: file, text } = configFile({
    cniVersion, capabilities, kubeconfig, networks,
    name: request.overrideName ? name : settings?.name ?? multusNetworkName,
    // Pods that a Multus has let pass are to start here as they did there.
    keys: { ...(settings === undefined ? {} : { strictSelections: false }), ...settings?.keys, ...request.keys },
  }, request.stem);
  return { access, config: { name: file, content: text, mode: secretMode, secret: false }, primary, notes };
}

/** A list whatever it was: podman reads nothing else. */
function ownConfiguration({ stem, cniVersion }: InstallRequest, path: string, files: NodeFiles): Wanted {
  const { json } = readGiven(path, files, "a CNI configuration");
  const { cniVersion: version, cniVersions, name, disableCheck, disableGC, ...plugin } = json;
  const list = Array.isArray(json["plugins"])
    ? json
    : { cniVersion: version, cniVersions, name, disableCheck, disableGC, plugins: [plugin] };
  const content = `${JSON.stringify(cniVersion === undefined ? list : { ...list, cniVersion }, null, 2)}\n`;
  const config = { name: `${stem}.conflist`, content, mode: secretMode, secret: false };
  const [first] = pluginsOf(parseJsonObject(content, path));
  if (typeof name !== "string" || first?.["type"] === undefined)
    throw new CommandError(
      `Cannot install ${path}: it has no ${typeof name === "string" ? "type and no plugins" : "name"}, expected a ` +
        "CNI configuration, see polynic lint",
    );
  return { access: [], config, primary: undefined, notes: [] };
}

const withoutAccess =
  "there is no service account and no kubeconfig: pods get the default network only, their annotations cannot be read";

function multusSettings(
  { places }: InstallRequest,
  state: InstallState | undefined,
  multus: readonly string[],
  files: NodeFiles,
): MultusSettings | undefined {
  const before = state?.moved.filter(({ why }) => why === "front").map(({ to }) => to) ?? [];
  return [...multus, ...before]
    .map((name) => readMultusFile(join(places.conf.seen, name), files))
    .find((settings) => settings !== undefined);
}

/** @returns the files to write, and the kubeconfig's path as the node's processes know it */
export function accessFiles(
  request: InstallRequest, settings: MultusSettings | undefined, files: NodeFiles,
): { readonly access: readonly WantedFile[]; readonly kubeconfig: string | undefined } {
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
      ...(identity.authority === undefined
        ? []
        : [{ ...secret, name: name(authorityFile), content: identity.authority }]),
      { ...secret, name: name(tokenFile), content: identity.token },
      {
        ...secret,
        name: name(basename(host)),
        content: kubeconfigText(identity, { tokenFile, authorityFile }),
        secret: false,
      },
    ],
  };
}

function copied(path: string, files: NodeFiles): WantedFile {
  const { content } = readGiven(path, files, "the configuration --multus-conf-file names");
  return { name: basename(path), content, mode: secretMode, secret: false };
}

function readGiven(
  path: string, files: NodeFiles, expected: string,
): { readonly content: string; readonly json: JsonObject } {
  const content = files.readGiven(path);
  if (content === undefined) throw new CommandError(`Cannot install ${path}: it is not there, expected ${expected}`);
  return { content, json: parseJsonObject(content, path) };
}

/** The types a configuration names for itself, which the runtime looks for in the plugin directory. */
export function typesOf(file: WantedFile): readonly string[] {
  return pluginsOf(parseJsonObject(file.content, file.name)).map(({ type }) => String(type));
}
