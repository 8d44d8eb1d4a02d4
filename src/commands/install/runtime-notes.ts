/** What an operator should know about runtimes of this node that will not find what is installed. */
import { join, normalize } from "node:path";
import { compareVersions, parseJsonObject } from "../../cni/index.ts";
import type { WantedFile } from "./configuration/wanted.ts";
import type { NodeFiles } from "./node/files.ts";
import type { Place } from "./node/place.ts";
import { seenBelow } from "./node/place.ts";
import type { Runtime } from "./node/runtimes.ts";
import { runtimesOn } from "./node/runtimes.ts";
import type { InstallRequest } from "./request.ts";

/** @param config  what the runtimes are to read */
export function runtimeNotes(request: InstallRequest, config: WantedFile, files: NodeFiles): readonly string[] {
  const { root, places, ownConf, tree } = request;
  const all = runtimesOn(root, files);
  // On the node of a cluster podman is somebody's tool, and reads of our configuration nothing by itself.
  const meant = all.filter(({ name }) => name !== "podman" || ownConf !== undefined || all.length === 1);
  return meant.flatMap((runtime) => {
    if (runtime.idle !== undefined) return [`${runtime.name} will not use ${config.name}: ${runtime.idle}`];
    return [
      ...elsewhere(runtime, { what: "configurations", option: "--cni-conf-dir" }, [runtime.confDir], places.conf),
      ...(tree === undefined
        ? []
        : elsewhere(runtime, { what: "plugins", option: "--cni-bin-dir" }, runtime.binDirs, places.bin)),
      ...unread(runtime, config, ownConf !== undefined),
    ];
  });

  function elsewhere(
    { name, source }: Runtime,
    { what, option }: { readonly what: string; readonly option: string },
    looked: readonly string[],
    place: Place,
  ): readonly string[] {
    const target = resolved(place.host);
    if (looked.some((directory) => resolved(directory) === target)) return [];
    const said = source === undefined ? "" : `, as ${source} says`;
    return [
      `${name} looks for ${what} in ${looked.join(", ")}${said}, and not in ${place.host}: expected ${option} ` +
        `${looked[0]}, or its own configuration to name ${place.host}`,
    ];
  }

  /** One directory may be a link to the other. */
  function resolved(directory: string): string {
    const path = normalize(`${directory}/`), seen = seenBelow(root, path.slice(0, -1));
    if (files.kind(seen) !== "link") return path;
    return normalize(`${join(path, "..", files.linkTarget(seen))}/`);
  }
}

/** Releases of podman with CNI, and containerd before 2.0, refuse a result of a version above. */
const versionOfOlder = "1.0.0";

/** @param isOwn  its version was chosen for this node, and not by the cluster's network */
function unread({ name, readsConf }: Runtime, config: WantedFile, isOwn: boolean): readonly string[] {
  const { cniVersion } = parseJsonObject(config.content, config.name);
  const isNewer = isOwn && typeof cniVersion === "string" && compareVersions(cniVersion, versionOfOlder) > 0;
  return [
    ...(readsConf || config.name.endsWith(".conflist")
      ? []
      : [`${name} reads .conflist files only: expected a cniVersion from 1.0.0 on, whose configuration is one`]),
    ...(isNewer && name !== "CRI-O"
      ? [
          `${name} may refuse cniVersion ${cniVersion}${name === "containerd" ? ", which it speaks from 2.0 on" : ""}` +
            `: expected "cniVersion": "${versionOfOlder}", with the newer one in "cniVersions"`,
        ]
      : []),
  ];
}
