/**
 * The options of `polynic install` and `polynic uninstall`. Those under `multus` are the ones of Multus's entry point,
 * with their names and meanings, so that a DaemonSet's arguments work as they stand.
 */
import type { OptionTable, OptionValue } from "../options.ts";
import { jsonOption } from "../options.ts";

/** Values as given; a switch is true or false once somebody has said so. */
export interface Flags {
  /** Undefined also for an empty one: DaemonSets have `--multus-log-file=` where nothing is meant. */
  text(name: string): string | undefined;
  isOn(name: string): boolean;
  /** Undefined when nobody has said anything. */
  given(name: string): boolean | undefined;
}

/** What a table's options were given, by name. */
export function flagsOf(values: Readonly<Record<string, OptionValue>>): Flags {
  const given = (name: string) => {
    const value = values[name];
    return typeof value === "boolean" ? value : undefined;
  };
  return {
    text(name) {
      const value = values[name];
      return typeof value === "string" && value !== "" ? value : undefined;
    },
    given,
    isOn: (name) => given(name) ?? false,
  };
}

/** The heading of help for Multus's options. */
const multus = "As Multus's entry point has them";

const placeOptions = {
  root: { kind: "text", value: "DIR", help: "where the node's / is seen, /host in a container; default /" },
  distribution: {
    kind: "text",
    value: "NAME",
    help: "kubeadm, k3s, rke2, microk8s or auto (default): the directories below",
  },
  "cni-conf-dir": { kind: "text", value: "DIR", help: "the runtime's configuration directory", section: multus },
  "cni-bin-dir": { kind: "text", value: "DIR", help: "the runtime's plugin directory", section: multus },
  "dry-run": { kind: "switch", help: "print what would be done, and do nothing" },
  prefix: {
    kind: "text", value: "DIR", completes: "directory", help: "with --shell: below which share/ is; default /usr",
  },
  ...jsonOption,
} as const satisfies OptionTable;

export const installOptions: OptionTable = {
  ...placeOptions,
  shell: {
    kind: "switch",
    help: "only completion for bash, zsh and fish, and the manual pages, where this machine looks for them",
  },
  daemon: {
    kind: "switch",
    help:
      "also the daemon, by systemd: polynic.socket and polynic.service, enabled and listening; stays as it is unless " +
      "given, =false takes it away",
  },
  watch: {
    kind: "switch",
    help: "stay: keep the token fresh and follow the primary configuration; what a DaemonSet runs",
  },
  check: { kind: "switch", help: "do nothing; exit status 1 when something would have to be done" },
  wait: {
    kind: "text",
    value: "SECONDS",
    help: "without --watch: how long to wait for the primary configuration; default 120",
  },
  reference: {
    kind: "switch",
    help: "name the primary configuration's file (clusterNetwork) instead of copying it (delegates)",
  },
  conf: {
    kind: "text",
    value: "FILE",
    help:
      "this configuration, instead of one made from a cluster's network: for containerd, CRI-O or podman without " +
      "Kubernetes",
  },
  kubeconfig: {
    kind: "text",
    value: "FILE",
    help: "a kubeconfig on the node to be used as it is; none is written then",
  },
  "service-account-dir": {
    kind: "text",
    value: "DIR",
    help: "token and ca.crt to write a kubeconfig from; default /var/run/secrets/kubernetes.io/serviceaccount",
  },
  link: {
    kind: "text",
    value: "NAME,...",
    help: "also make these names in the plugin directory, where they are missing: loopback, bridge, ...",
  },
  "strict-selections": {
    kind: "switch",
    help:
      "as the key strictSelections: pods that ask for what no plugin takes are refused; off unless given where a " +
      "Multus was, which lets them pass",
  },
  "hot-plug": {
    kind: "switch",
    help: "as the key hotPlug: a daemon changes networks of running pods when their annotation is edited",
  },
  "multus-autoconfig-dir": {
    kind: "text",
    value: "DIR",
    help: "where the primary configuration is; default the configuration directory",
    section: multus,
  },
  "multus-master-cni-file-name": {
    kind: "text",
    value: "FILE",
    help: "the primary configuration; default the first .conf or .conflist",
    section: multus,
  },
  "multus-conf-file": {
    kind: "text",
    value: "FILE",
    help: "auto (default), or a configuration to be installed as it is",
    section: multus,
  },
  "multus-kubeconfig-file-host": {
    kind: "text",
    value: "FILE",
    help: "the kubeconfig's path on the node; default polynic.d/kubeconfig in the configuration directory",
    section: multus,
  },
  "cni-version": {
    kind: "text",
    value: "VERSION",
    help: "the version the primary configuration must have",
    section: multus,
  },
  "force-cni-version": {
    kind: "switch",
    help: "use --cni-version whatever the primary configuration has; for tests",
    section: multus,
  },
  "override-network-name": { kind: "switch", help: "take the primary configuration's name", section: multus },
  "namespace-isolation": { kind: "switch", help: "as the key namespaceIsolation", section: multus },
  "global-namespaces": { kind: "text", value: "NAME,...", help: "as the key globalNamespaces", section: multus },
  "multus-cni-conf-dir": { kind: "text", value: "DIR", help: "as the key confDir", section: multus },
  "additional-bin-dir": { kind: "text", value: "DIR", help: "as the key binDir", section: multus },
  "readiness-indicator-file": {
    kind: "text",
    value: "FILE",
    help: "as the key readinessindicatorfile; waited for before installing where its directory can be seen",
    section: multus,
  },
  "multus-log-to-stderr": { kind: "switch", help: "as the key logToStderr", section: multus },
  "multus-log-level": {
    kind: "text",
    value: "LEVEL",
    help: "as the key logLevel: panic, error, verbose or debug",
    section: multus,
  },
  "multus-log-file": { kind: "text", value: "FILE", help: "as the key logFile", section: multus },
  "rename-conf-file": { kind: "switch", help: "rename the primary configuration to *.old", section: multus },
  "skip-config-watch": { kind: "switch", help: "with --watch: keep the token fresh only", section: multus },
  "skip-multus-binary-copy": { kind: "switch", help: "leave the plugin directory alone", section: multus },
  "skip-tls-verify": { kind: "switch", help: "do not check the API server's certificate", section: multus },
  "multus-bin-file": {
    kind: "text",
    value: "FILE",
    help: "accepted, without effect: polynic brings itself",
    section: multus,
  },
  "cleanup-config-on-exit": {
    kind: "switch",
    help:
      "accepted, without effect: the configuration stays until polynic uninstall, or pods would start without their " +
      "networks",
    section: multus,
  },
};

export const uninstallOptions: OptionTable = {
  ...placeOptions,
  shell: { kind: "switch", help: "only what install --shell has brought; without it that goes, too" },
  check: { kind: "switch", help: "do nothing; exit status 1 when something would have to be removed" },
  stay: { kind: "switch", help: "do not exit when it is done; for a DaemonSet, which would start it again and again" },
};
