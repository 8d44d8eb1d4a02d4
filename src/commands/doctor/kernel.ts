/** What this kernel can do, tried in a network namespace that is thrown away. */
import { messageOf } from "../../cni/index.ts";
import type { LinkInfo, Namespace } from "../../kernel/index.ts";
import { NetlinkError, openNewNamespace } from "../../kernel/index.ts";
import type { Finding } from "./finding.ts";

interface Probe {
  readonly feature: string;
  /** Types of plugins that cannot do without. */
  readonly neededBy: readonly string[];
  /** The kernel's module, and the option it is built by. */
  readonly module: string;
  readonly option: string;
  /** Throws NetlinkError, or says no. */
  run(namespace: Namespace, parent: number): boolean | void;
}

/** With the parent that those need which stand on another link. */
function link(info: LinkInfo, hasParent = false): Probe["run"] {
  return ({ links }, parent) => links.add({ name: "probe", info, ...(hasParent ? { parent } : {}) });
}

const probes: readonly Probe[] = [
  { feature: "veth", neededBy: ["bridge", "ptp"], module: "veth", option: "CONFIG_VETH", run: link({ kind: "veth" }) },
  {
    feature: "bridge", neededBy: ["bridge"], module: "bridge", option: "CONFIG_BRIDGE", run: link({ kind: "bridge" }),
  },
  {
    feature: "VLAN filtering of bridges", neededBy: ["bridge with vlan"], module: "bridge",
    option: "CONFIG_BRIDGE_VLAN_FILTERING", run: link({ kind: "bridge", vlanFiltering: true }),
  },
  {
    feature: "macvlan", neededBy: ["macvlan"], module: "macvlan", option: "CONFIG_MACVLAN",
    run: link({ kind: "macvlan", mode: "bridge" }, true),
  },
  {
    feature: "ipvlan", neededBy: ["ipvlan"], module: "ipvlan", option: "CONFIG_IPVLAN",
    run: link({ kind: "ipvlan", mode: "l2" }, true),
  },
  {
    feature: "VLAN links", neededBy: ["vlan"], module: "8021q", option: "CONFIG_VLAN_8021Q",
    run: link({ kind: "vlan", id: 10 }, true),
  },
  { feature: "dummy", neededBy: ["dummy"], module: "dummy", option: "CONFIG_DUMMY", run: link({ kind: "dummy" }) },
  { feature: "VRF", neededBy: ["vrf"], module: "vrf", option: "CONFIG_NET_VRF", run: link({ kind: "vrf", table: 10 }) },
  {
    feature: "VXLAN", neededBy: ["vxlan"], module: "vxlan", option: "CONFIG_VXLAN",
    run: link({ kind: "vxlan", id: 10, port: 4789 }),
  },
  { feature: "ifb", neededBy: ["bandwidth"], module: "ifb", option: "CONFIG_IFB", run: link({ kind: "ifb" }) },
  { feature: "TAP", neededBy: ["tap"], module: "tun", option: "CONFIG_TUN", run: link({ kind: "tun", type: "tap" }) },
  {
    feature: "nftables", neededBy: ["bridge with ipMasq or macspoofchk", "portmap"], module: "nf_tables",
    option: "CONFIG_NF_TABLES", run: ({ nftables }) => nftables.usable(),
  },
];

/** @param used  types of the plugins that configurations name; `bridge with vlan` for what a key needs */
export async function checkKernel(used: ReadonlySet<string>): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const probe of probes) {
    const why = await whyNot(probe);
    if (why === undefined) continue;
    const inUse = probe.neededBy.filter((type) => used.has(type));
    findings.push({
      severity: inUse.length > 0 ? "error" : "note",
      about: "kernel",
      what: `it has no ${probe.feature} (${why}), which ` +
        (inUse.length > 0 ? `networks here need (${inUse.join(", ")})` : "no network here needs"),
      fix: `modprobe ${probe.module}; where there is no such module, a kernel with ${probe.option}`,
    });
  }
  return findings;
}

/** Each in a namespace of its own, so that one that cannot be taken away is in nobody's way. */
async function whyNot({ run }: Probe): Promise<string | undefined> {
  const namespace = openNewNamespace();
  try {
    return run(namespace, parentIn(namespace)) === false ? "the kernel refuses it" : undefined;
  } catch (error) {
    // /dev/net/tun may be missing, as well.
    return messageOf(error).replace(/^.*?: /, "");
  } finally {
    namespace.close();
  }
}

/** Anything that has a hardware address; 0 where the kernel has neither, and says so by itself. */
function parentIn({ links }: Namespace): number {
  for (const info of [{ kind: "veth" }, { kind: "bridge" }, { kind: "dummy" }] as const)
    try {
      links.add({ name: "parent", info });
      return links.get("parent").index;
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
    }
  return 0;
}
