/** Where each Kubernetes distribution has its runtime look for configurations and plugins. */
import { join } from "node:path";
import { UsageError } from "../../errors.ts";
import type { NodeFiles } from "./files.ts";
import { seenBelow } from "./place.ts";
import { runtimesOn } from "./runtimes.ts";
import { readState, stateName } from "./state.ts";

export interface Distribution {
  readonly confDir: string;
  /** The first one that is there. */
  readonly binDirs: readonly string[];
  /** A path that only such a node has; none where the directories are the usual ones anyway. */
  readonly sign?: string;
}

/** Why polynic cannot be there at all: a configuration that names it would leave every new pod without a network. */
const refusals: Readonly<Record<string, string>> = {
  // Plugins run on the host, and Talos Linux has no programs but its own there.
  talos: "its nodes have no shell and no glibc for the executable to run with",
};

const usual: Distribution = { confDir: "/etc/cni/net.d", binDirs: ["/opt/cni/bin"] };

const distributions: Readonly<Record<string, Distribution>> = {
  // docs.k3s.io/networking/multus-ipams: data/cni since the releases of October 2024, data/current/bin before.
  k3s: {
    confDir: "/var/lib/rancher/k3s/agent/etc/cni/net.d",
    binDirs: ["/var/lib/rancher/k3s/data/cni", "/var/lib/rancher/k3s/data/current/bin"],
    sign: "/var/lib/rancher/k3s/agent",
  },
  // canonical/microk8s, default-args/containerd-template.toml: ${SNAP_DATA}/args/cni-network and
  // ${SNAP_DATA}/opt/cni/bin.
  microk8s: {
    confDir: "/var/snap/microk8s/current/args/cni-network",
    binDirs: ["/var/snap/microk8s/current/opt/cni/bin"],
    sign: "/var/snap/microk8s/current",
  },
  // rancher/rke2-charts, rke2-multus: the upstream defaults.
  rke2: usual,
  kubeadm: usual,
};

/**
 * The distribution of a name. With `auto` the one whose sign can be seen, else where polynic is installed already, else
 * where the node's runtime looks, else where most do.
 *
 * @throws UsageError for any other name; CommandError when the record of what was installed cannot be read
 */
export function distributionOf(
  name: string,
  root: string,
  files: NodeFiles,
): { readonly confDir: string; readonly binDir: string } {
  const refusal = Object.hasOwn(refusals, name) ? refusals[name] : undefined;
  if (refusal !== undefined)
    throw new UsageError(
      `Cannot use --distribution ${name}: ${refusal}, expected a node with /bin/sh, glibc and libstdc++`,
    );
  const isHere = (path: string) => files.kind(seenBelow(root, path)) !== undefined;
  const signed = Object.values(distributions).find(({ sign }) => sign !== undefined && isHere(sign));
  const named = Object.hasOwn(distributions, name) ? distributions[name] : undefined;
  const found = name === "auto" ? (signed ?? foundBelow(root, files)) : named;
  if (found === undefined)
    throw new UsageError(
      `Cannot use --distribution ${name}: expected ${["auto", ...Object.keys(distributions)].join(", ")}`,
    );
  const { confDir, binDirs } = found;
  const [preferred] = usual.binDirs.filter((directory) => binDirs.includes(directory));
  return { confDir, binDir: binDirs.find(isHere) ?? preferred ?? binDirs[0] ?? "" };
}

function foundBelow(root: string, files: NodeFiles): Distribution {
  const runtimes = runtimesOn(root, files);
  for (const confDir of new Set([usual, ...runtimes].map(({ confDir }) => confDir))) {
    const state = readState(seenBelow(root, join(confDir, stateName)), files);
    if (state !== undefined) return { confDir, binDirs: [state.directories.bin] };
  }
  // One that a kubelet drives counts before one that only people do.
  return runtimes.find(({ idle }) => idle === undefined) ?? usual;
}
