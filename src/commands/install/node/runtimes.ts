/**
 * The container runtimes of a node, and where they look for configurations and plugins, as their own configurations
 * say. Whether one of them runs is not asked.
 */
import { join } from "node:path";
import type { NodeFiles } from "./files.ts";
import { seenBelow } from "./place.ts";
import type { TomlTexts } from "./toml.ts";
import { parseTomlTexts } from "./toml.ts";

export interface Runtime {
  readonly name: "containerd" | "CRI-O" | "podman";
  readonly confDir: string;
  /** In the order in which they are searched. */
  readonly binDirs: readonly string[];
  /** The file that says so; undefined: what the program does when nobody says anything. */
  readonly source: string | undefined;
  /** Whether it reads `.conf` files, and not `.conflist` alone. */
  readonly readsConf: boolean;
  /** Why it does not look there at all, and what would have to be done; undefined: it does. */
  readonly idle: string | undefined;
}

const usualConfDir = "/etc/cni/net.d", usualBinDirs = ["/opt/cni/bin"];

/** The runtimes a kubelet may drive come first. */
export function runtimesOn(root: string, files: NodeFiles): readonly Runtime[] {
  const node = { read: (path: string) => files.read(seenBelow(root, path)), has: hasBelow(root, files), root, files };
  return [containerd(node), crio(node), podman(node)].filter((runtime) => runtime !== undefined);
}

interface Node {
  read(path: string): string | undefined;
  has(...paths: readonly string[]): boolean;
  readonly root: string;
  readonly files: NodeFiles;
}

function hasBelow(root: string, files: NodeFiles): Node["has"] {
  return (...paths) => paths.some((path) => files.kind(seenBelow(root, path)) !== undefined);
}

/** github.com/containerd/containerd, docs/cri/config.md: `bin_dir` until 2.0, `bin_dirs` from 2.1 on. */
function containerd({ read, has }: Node): Runtime | undefined {
  const file = "/etc/containerd/config.toml";
  const text = read(file);
  if (text === undefined && !has("/usr/bin/containerd", "/usr/local/bin/containerd")) return undefined;
  const tables = parseTomlTexts(text ?? "");
  const cni = [...tables].find(([name]) => /^plugins\..*\bcri\b.*\.cni$/.test(name))?.[1];
  const off = tables.get("")?.get("disabled_plugins") ?? [];
  const isOff = off.some((name) => /^(cri|io\.containerd\.grpc\.v1\.cri)$/.test(name));
  return {
    name: "containerd",
    confDir: cni?.get("conf_dir")?.[0] ?? usualConfDir,
    binDirs: cni?.get("bin_dirs") ?? cni?.get("bin_dir") ?? usualBinDirs,
    source: cni === undefined ? undefined : file,
    readsConf: true,
    idle: isOff ? `its CRI plugin is off, expected no "cri" in disabled_plugins of ${file}` : undefined,
  };
}

/** github.com/cri-o/cri-o, docs/crio.conf.5.md: [crio.network] network_dir and plugin_dirs. */
function crio(node: Node): Runtime | undefined {
  const texts = laidOver(node, "/etc/crio/crio.conf", "/etc/crio/crio.conf.d");
  if (texts.length === 0 && !node.has("/usr/bin/crio", "/usr/local/bin/crio")) return undefined;
  const confDir = lastOf(texts, "crio.network", "network_dir"), binDirs = lastOf(texts, "crio.network", "plugin_dirs");
  return {
    name: "CRI-O",
    confDir: confDir?.values[0] ?? usualConfDir,
    binDirs: binDirs?.values ?? usualBinDirs,
    source: (binDirs ?? confDir)?.file,
    readsConf: true, idle: undefined,
  };
}

/** containers.conf(5): [network] network_backend, network_config_dir and cni_plugin_dirs with these defaults. */
function podman(node: Node): Runtime | undefined {
  if (!node.has("/usr/bin/podman", "/usr/local/bin/podman")) return undefined;
  const vendor = laidOver(node, "/usr/share/containers/containers.conf", "/usr/share/containers/containers.conf.d");
  const texts = [...vendor, ...laidOver(node, "/etc/containers/containers.conf", "/etc/containers/containers.conf.d")];
  const backend = lastOf(texts, "network", "network_backend")?.values[0];
  const confDir = lastOf(texts, "network", "network_config_dir"), binDirs = lastOf(texts, "network", "cni_plugin_dirs");
  return {
    name: "podman",
    confDir: confDir?.values[0] || usualConfDir,
    binDirs: binDirs?.values ?? [
      "/usr/local/libexec/cni",
      "/usr/libexec/cni",
      "/usr/local/lib/cni",
      "/usr/lib/cni",
      ...usualBinDirs,
    ],
    source: (binDirs ?? confDir)?.file,
    readsConf: false,
    idle: backend === "cni"
      ? undefined
      : 'it has networks of its own, expected network_backend = "cni" under [network] in ' +
        "/etc/containers/containers.conf",
  };
}

interface ConfText {
  readonly file: string;
  readonly texts: TomlTexts;
}

/** A file and those of a directory, in the order in which they are laid over each other. */
function laidOver({ read, root, files }: Node, file: string, directory: string): readonly ConfText[] {
  const more = files.names(seenBelow(root, directory)).filter((name) => name.endsWith(".conf"));
  return [file, ...more.map((name) => join(directory, name))].flatMap((path) => {
    const text = read(path);
    return text === undefined ? [] : [{ file: path, texts: parseTomlTexts(text) }];
  });
}

function lastOf(
  texts: readonly ConfText[],
  table: string,
  key: string,
): { readonly file: string; readonly values: readonly string[] } | undefined {
  return texts.flatMap(({ file, texts }) => {
    const values = texts.get(table)?.get(key);
    return values === undefined || values.length === 0 ? [] : [{ file, values }];
  }).at(-1);
}
