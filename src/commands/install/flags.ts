/**
 * The flags of `polynic install` and `polynic uninstall`, as one table: parsing and help come from it. Those marked
 * `multus` are the ones of Multus's entry point, with their names and meanings, so that a DaemonSet's arguments work as
 * they stand.
 */
import { typedArguments } from "../arguments.ts";
import { UsageError } from "../errors.ts";

export interface Flag {
  readonly kind: "text" | "switch";
  /** What stands for the value in help; none for a switch. */
  readonly value?: string;
  readonly help: string;
  readonly multus?: true;
}

/** Values as given; a switch is true or false once somebody has said so. */
export interface Flags {
  text(name: string): string | undefined;
  isOn(name: string): boolean;
  /** Undefined when nobody has said anything. */
  given(name: string): boolean | undefined;
}

const placeFlags = {
  root: { kind: "text", value: "DIR", help: "where the node's / is seen, /host in a container; default /" },
  distribution: {
    kind: "text",
    value: "NAME",
    help: "kubeadm, k3s, rke2, microk8s or auto (default): the directories below",
  },
  "cni-conf-dir": { kind: "text", value: "DIR", help: "the runtime's configuration directory", multus: true },
  "cni-bin-dir": { kind: "text", value: "DIR", help: "the runtime's plugin directory", multus: true },
  "dry-run": { kind: "switch", help: "print what would be done, and do nothing" },
} as const satisfies Readonly<Record<string, Flag>>;

export const installFlags: Readonly<Record<string, Flag>> = {
  ...placeFlags,
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
  "multus-autoconfig-dir": {
    kind: "text",
    value: "DIR",
    help: "where the primary configuration is; default the configuration directory",
    multus: true,
  },
  "multus-master-cni-file-name": {
    kind: "text",
    value: "FILE",
    help: "the primary configuration; default the first .conf or .conflist",
    multus: true,
  },
  "multus-conf-file": {
    kind: "text",
    value: "FILE",
    help: "auto (default), or a configuration to be installed as it is",
    multus: true,
  },
  "multus-kubeconfig-file-host": {
    kind: "text",
    value: "FILE",
    help: "the kubeconfig's path on the node; default polynic.d/kubeconfig in the configuration directory",
    multus: true,
  },
  "cni-version": {
    kind: "text",
    value: "VERSION",
    help: "the version the primary configuration must have",
    multus: true,
  },
  "force-cni-version": {
    kind: "switch",
    help: "use --cni-version whatever the primary configuration has; for tests",
    multus: true,
  },
  "override-network-name": { kind: "switch", help: "take the primary configuration's name", multus: true },
  "namespace-isolation": { kind: "switch", help: "as the key namespaceIsolation", multus: true },
  "global-namespaces": { kind: "text", value: "NAME,...", help: "as the key globalNamespaces", multus: true },
  "multus-cni-conf-dir": { kind: "text", value: "DIR", help: "as the key confDir", multus: true },
  "additional-bin-dir": { kind: "text", value: "DIR", help: "as the key binDir", multus: true },
  "readiness-indicator-file": {
    kind: "text",
    value: "FILE",
    help: "as the key readinessindicatorfile; waited for before installing where its directory can be seen",
    multus: true,
  },
  "multus-log-to-stderr": { kind: "switch", help: "as the key logToStderr", multus: true },
  "multus-log-level": {
    kind: "text",
    value: "LEVEL",
    help: "as the key logLevel: panic, error, verbose or debug",
    multus: true,
  },
  "multus-log-file": { kind: "text", value: "FILE", help: "as the key logFile", multus: true },
  "rename-conf-file": { kind: "switch", help: "rename the primary configuration to *.old", multus: true },
  "skip-config-watch": { kind: "switch", help: "with --watch: keep the token fresh only", multus: true },
  "skip-multus-binary-copy": { kind: "switch", help: "leave the plugin directory alone", multus: true },
  "skip-tls-verify": { kind: "switch", help: "do not check the API server's certificate", multus: true },
  "multus-bin-file": {
    kind: "text",
    value: "FILE",
    help: "accepted, without effect: polynic brings itself",
    multus: true,
  },
  "cleanup-config-on-exit": {
    kind: "switch",
    help:
      "accepted, without effect: the configuration stays until polynic uninstall, or pods would start without their " +
      "networks",
    multus: true,
  },
};

export const uninstallFlags: Readonly<Record<string, Flag>> = {
  ...placeFlags,
  check: { kind: "switch", help: "do nothing; exit status 1 when something would have to be removed" },
  stay: { kind: "switch", help: "do not exit when it is done; for a DaemonSet, which would start it again and again" },
};

/** @throws UsageError for what is none of the flags */
export function parseFlags(table: Readonly<Record<string, Flag>>, words: readonly string[]): Flags {
  const switched = new Map<string, boolean>();
  const others = words.filter((word) => !isSwitchWithValue(table, word, switched));
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { kind }]) => [
      name,
      { type: kind === "text" ? ("string" as const) : ("boolean" as const) },
    ]),
  );
  const { values } = typedArguments({ args: others, options, allowPositionals: false, strict: true }, "see --help");
  const given = (name: string) => switched.get(name) ?? (values[name] === true ? true : undefined);
  return {
    text(name) {
      const value = values[name];
      return typeof value === "string" && value !== "" ? value : undefined;
    },
    given,
    isOn: (name) => given(name) ?? false,
  };
}

/** What a person reads after --help. */
export function flagHelp(table: Readonly<Record<string, Flag>>): string {
  const lines = (ours: boolean) => Object.entries(table).filter(([, { multus }]) => (multus === undefined) === ours)
    .map(([name, { value, help }]) => `  --${name}${value === undefined ? "" : ` ${value}`}\n      ${help}\n`).join("");
  return `${lines(true)}\nAs Multus's entry point has them:\n${lines(false)}`;
}

/** Go's flag libraries take `--switch=false`, and DaemonSets are written so; parseArgs does not. */
function isSwitchWithValue(
  table: Readonly<Record<string, Flag>>,
  word: string,
  switched: Map<string, boolean>,
): boolean {
  const [, name = "", value = ""] = /^--([^=]+)=(.*)$/.exec(word) ?? [];
  if (table[name]?.kind !== "switch") return false;
  if (!/^(1|t|true|0|f|false)$/i.test(value))
    throw new UsageError(`Cannot use --${name}=${value}: expected true or false`);
  switched.set(name, /^(1|t|true)$/i.test(value));
  return true;
}
