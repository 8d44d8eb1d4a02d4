/** The words that all drawings have in common. */
import type { PortFacts, RuleFacts } from "./facts.ts";

/** `8080/tcp to 80`, `127.0.0.1:8080/tcp to 80` */
export function portWords({ hostAddress, hostPort, containerPort, protocol }: PortFacts): string {
  const of = hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress;
  return `${of === "" ? "" : `${of}:`}${hostPort}/${protocol} to ${containerPort}`;
}

/** `nftables inet cni_plugins_masquerade: ip saddr 10.1.0.2 ... masquerade` */
export function ruleWords({ tool, table, text }: RuleFacts): string {
  return `${tool} ${table}: ${text.replace(/(?: -m comment --comment| comment) "(?:[^"\\]|\\.)*"/, "")}`;
}
