/** Flags as a request: what `polynic install` and `polynic uninstall` were asked for, checked. */
import { isAbsolute, join } from "node:path";
import { builtIn } from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { UsageError } from "../errors.ts";
import { distributionOf } from "./node/distribution.ts";
import type { NodeFiles } from "./node/files.ts";
import type { Flags } from "./flags.ts";
import type { IdentitySource } from "./configuration/identity.ts";
import type { Place } from "./node/place.ts";
import { placeOf } from "./node/place.ts";
import type { Area } from "./node/state.ts";
import type { Tree } from "./node/tree.ts";
import { hearsUs, unitDirectory } from "./node/units.ts";

export interface InstallRequest {
  readonly places: Readonly<Record<Area, Place>>;
  /** Where the node's / is seen. */
  readonly root: string;
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
  /** A node's own configuration, as this process sees it; undefined: the cluster's network is the node's. */
  readonly ownConf: string | undefined;
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
  /** Whether the daemon's units are to be there; undefined: as it is. */
  readonly daemon: boolean | undefined;
  /** systemd can be told of them. */
  readonly systemd: boolean;
}

export interface UninstallRequest {
  readonly conf: Place;
  readonly bin: Place;
  readonly root: string;
  readonly stem: string;
  readonly systemd: boolean;
}

/** Sorts before whatever a network plugin installs, and after a Multus's 00-multus, which therefore has to make way. */
const stem = "00-polynic";

const serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";
const logLevels = ["panic", "error", "verbose", "debug"];

export interface RequestSources {
  /** The tree to install; it costs a digest, so it is asked for only when it is wanted. */
  readonly tree: () => Tree;
  readonly env: IdentitySource["env"];
  readonly files: NodeFiles;
}

/** @throws UsageError for a value that cannot be used */
export function installRequest(flags: Flags, { tree, env, files }: RequestSources): InstallRequest {
  const { conf, bin, root } = places(flags, files);
  const confFile = flags.text("multus-conf-file");
  const daemon = flags.given("daemon");
  if (daemon === true && flags.isOn("skip-multus-binary-copy"))
    throw new UsageError(
      "Cannot use --daemon with --skip-multus-binary-copy: it runs what is copied, expected one of them",
    );
  const [reference, renamePrimary] = [flags.isOn("reference"), flags.isOn("rename-conf-file")];
  if (reference && renamePrimary)
    throw new UsageError(
      "Cannot use --reference with --rename-conf-file: the file referred to would lose its name, expected one of them",
    );
  return {
    places: {
      conf, bin,
      primary: pathOf(flags, "multus-autoconfig-dir", root) ?? conf,
      units: placeOf(unitDirectory, root),
    },
    root, stem, reference, renamePrimary, daemon,
    systemd: hearsUs(root, files),
    ownConf: ownConfOf(flags),
    tree: flags.isOn("skip-multus-binary-copy") ? undefined : tree(),
    links: linksOf(flags),
    identity: {
      directory: flags.text("service-account-dir") ?? serviceAccountDirectory,
      env,
      skipVerify: flags.isOn("skip-tls-verify"),
    },
    kubeconfig: pathOf(flags, "kubeconfig", root)?.host,
    kubeconfigHost: pathOf(flags, "multus-kubeconfig-file-host", root)?.host,
    confFile: confFile === undefined || confFile === "auto" ? undefined : confFile,
    masterName: flags.text("multus-master-cni-file-name"),
    cniVersion: flags.text("cni-version"),
    forceVersion: flags.isOn("force-cni-version"),
    overrideName: flags.isOn("override-network-name"),
    keys: keysOf(flags, root),
  };
}

function ownConfOf(flags: Flags): string | undefined {
  const path = flags.text("conf");
  const other = ["reference", "rename-conf-file", "watch"].find((name) => flags.isOn(name)) ??
    ["multus-conf-file", "multus-master-cni-file-name"].find((name) => flags.text(name) !== undefined);
  if (path === undefined || other === undefined) return path;
  throw new UsageError(
    `Cannot use --conf with --${other}: a cluster's network has no part in it, expected one of them`,
  );
}

export function uninstallRequest(flags: Flags, files: NodeFiles): UninstallRequest {
  const where = places(flags, files);
  return { ...where, stem, systemd: hearsUs(where.root, files) };
}

function places(flags: Flags, files: NodeFiles): { readonly conf: Place; readonly bin: Place; readonly root: string } {
  const root = rootOf(flags);
  const { confDir, binDir } = distributionOf(flags.text("distribution") ?? "auto", root, files);
  return {
    root,
    conf: pathOf(flags, "cni-conf-dir", root) ?? placeOf(confDir, root),
    bin: pathOf(flags, "cni-bin-dir", root) ?? placeOf(binDir, root),
  };
}

export function rootOf(flags: Flags): string {
  const root = flags.text("root") ?? "/";
  if (!isAbsolute(root)) throw new UsageError(`Cannot use --root ${root}: expected an absolute path`);
  return join(root, "/") === "/" ? "/" : root.replace(/\/+$/, "");
}

function pathOf(flags: Flags, name: string, root: string): Place | undefined {
  const path = flags.text(name);
  if (path === undefined) return undefined;
  if (!isAbsolute(path)) throw new UsageError(`Cannot use --${name} ${path}: expected an absolute path`);
  return placeOf(path.replace(/(?<=.)\/+$/, ""), root);
}

/** The multiplexer's keys that flags set; what nobody sets is left out, so that a Multus's own stay. */
function keysOf(flags: Flags, root: string): JsonObject {
  const level = flags.text("multus-log-level")?.toLowerCase();
  if (level !== undefined && !logLevels.includes(level))
    throw new UsageError(`Cannot use --multus-log-level ${level}: expected ${logLevels.join(", ")}`);
  const path = (name: string) => pathOf(flags, name, root)?.host;
  const keys = {
    namespaceIsolation: flags.given("namespace-isolation"),
    globalNamespaces: flags.text("global-namespaces"),
    strictSelections: flags.given("strict-selections"),
    hotPlug: flags.given("hot-plug"),
    logToStderr: flags.given("multus-log-to-stderr") === false ? false : undefined,
    logLevel: level,
    logFile: flags.text("multus-log-file"),
    binDir: path("additional-bin-dir"),
    confDir: path("multus-cni-conf-dir"),
    readinessindicatorfile: path("readiness-indicator-file"),
  };
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}

function linksOf(flags: Flags): readonly string[] {
  const names = (flags.text("link") ?? "").split(",").map((name) => name.trim()).filter((name) => name !== "");
  const known = [...builtIn.keys(), "multus"];
  const stranger = names.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new UsageError(`Cannot use --link ${stranger}: expected ${known.join(", ")}`);
  return names;
}
