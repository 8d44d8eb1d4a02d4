/** The configuration of firewall, and what follows from it and from prevResult: what is to be let through. */
import type { Confs, Result } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Address } from "../../net/index.ts";
import { bitsOf, formatPrefix, parsePrefix } from "../../net/index.ts";
import type { RuleOwner } from "../packet-rules/attachment-comment.ts";

export type FirewallConf = Confs["firewall"];

/** The configuration as ADD and CHECK act on it. */
export interface FirewallPlan {
  readonly backend: BackendChoice;
  readonly adminChain: string;
  readonly zone: string;
  readonly ingressPolicy: "open" | IngressPolicy;
}

/** undefined: firewalld where it runs, else iptables, unless only nftables can be used here. */
export type BackendChoice = "iptables" | "nftables" | "firewalld" | undefined;

/** What may reach a container of a bridge: nothing from other bridges, or not even from its own. */
export type IngressPolicy = "same-bridge" | "isolated";

/** Whose packets are let through, and which not. */
export interface Allowance extends RuleOwner {
  readonly addresses: readonly Address[];
  /** A chain that an operator fills, asked before any other rule of ours. */
  readonly adminChain: string;
  readonly ingress: Ingress | undefined;
}

/** What a bridge asks for; in the families that prevResult has addresses of. */
export interface Ingress {
  readonly policy: IngressPolicy;
  readonly bridge: string;
  readonly families: readonly (4 | 6)[];
}

/**
 * Checks what the schema cannot.
 *
 * @throws CniError 7
 */
export function readPlan(conf: FirewallConf): FirewallPlan {
  const { backend, iptablesAdminChainName, firewalldZone, ingressPolicy } = conf;
  const adminChain = iptablesAdminChainName || "CNI-ADMIN";
  const bytes = new TextEncoder().encode(adminChain).length;
  if (bytes > chainNameBytesMax) {
    throw refused(`Cannot use iptablesAdminChainName "${adminChain}": it has ${bytes} bytes, expected at most ` +
      `${chainNameBytesMax}`);
  }
  if (taken.has(adminChain)) {
    throw refused(`Cannot use iptablesAdminChainName "${adminChain}": it is a chain or target of the firewall ` +
      "itself, expected one of your own");
  }
  return {
    backend: backendOf(backend),
    adminChain,
    zone: firewalldZone || "trusted",
    ingressPolicy: ingressPolicy || "open",
  };
}

/** Any other word is what an empty one is, as the reference has it: the choice is left to the machine. */
export function backendOf(value: unknown): BackendChoice {
  return value === "iptables" || value === "nftables" || value === "firewalld" ? value : undefined;
}

/** XT_EXTENSION_MAXNAMELEN (linux/netfilter/x_tables.h) is 29 and counts the closing zero byte. */
const chainNameBytesMax = 28;
/** Chains of the kernel and of this plugin, and targets that a jump of that name would mean instead. */
const taken: ReadonlySet<string> = new Set([
  "INPUT", "FORWARD", "OUTPUT", "CNI-FORWARD", "CNI-ADMINS", "CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2",
  "ACCEPT", "DROP", "RETURN", "QUEUE",
]);

/** The addresses of the result, each once, whatever interface they are of. */
export function addressesOf({ ips }: Result): readonly Address[] {
  const byText = new Map(ips.map(({ address }) => {
    const parsed = parsePrefix(address).address;
    return [hostText(parsed), parsed] as const;
  }));
  return [...byText.values()];
}

/** `10.0.0.2/32`, `fd00::2/128`. */
export function hostText(address: Address): string {
  return formatPrefix({ address, prefixBits: bitsOf(address) });
}

/**
 * What is asked for the result's addresses. The bridge is the result's first interface, as the plugin `bridge` has it.
 *
 * @throws CniError 7 where a policy is asked for and there is no interface
 */
export function allowanceOf({ adminChain, ingressPolicy }: FirewallPlan, result: Result, owner: RuleOwner): Allowance {
  const bridge = result.interfaces[0]?.name;
  if (ingressPolicy !== "open" && (bridge === undefined || bridge === "")) {
    throw refused(`Cannot use ingressPolicy ${ingressPolicy} in network "${owner.network}": prevResult has no ` +
      "interfaces, expected the bridge as its first one");
  }
  const addresses = addressesOf(result);
  const families = ([4, 6] as const).filter((family) => addresses.some((address) => address.family === family));
  const ingress = ingressPolicy === "open" || bridge === undefined
    ? undefined : { policy: ingressPolicy, bridge, families };
  return { ...owner, addresses, adminChain, ingress };
}

function refused(message: string): CniError {
  return new CniError(code.invalidConfig, message);
}
