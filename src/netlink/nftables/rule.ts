/**
 * Rules that read like nft text, with the instructions `nft` itself would produce for them, so that
 * `nft list ruleset` prints them back as they were meant:
 *
 *   rule("inet", saddr("==", host), daddr("!=", network), masquerade())
 *   ip saddr 10.0.0.2 ip daddr != 10.0.0.0/24 masquerade
 *
 * A field of a header may only be read once the packet is known to have that header. As `nft` does, `rule` puts
 * the check in front of the first field that needs it, unless the family or an earlier part has made it already.
 */
import { u16beBytes, u16Bytes } from "./bytes.ts";
import type { Expression, NftFamily } from "./expression.ts";
import { compare, loadMeta, metaKey, nfproto, transportProtocol } from "./expression.ts";

/** One match or statement of a rule. */
export interface RulePart {
  /** The header the part reads. */
  readonly needs?: Header;
  /** The header the part itself makes sure of, as `meta l4proto tcp` does. */
  readonly establishes?: Header;
  readonly expressions: readonly Expression[];
}

/** A layer and which protocol is in it: ethertype family, or IPPROTO_* number. */
export type Header =
  | { readonly layer: "link"; readonly protocol: "ether" }
  | { readonly layer: "network"; readonly protocol: 4 | 6 }
  | { readonly layer: "transport"; readonly protocol: number };

/** A rule cannot say this; `token` is the offending word. */
export class NftExpressionError extends Error {
  override readonly name = "NftExpressionError";
  readonly token: string;

  constructor(message: string, token: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.token = token;
  }
}

/**
 * The instructions of one rule for a chain of that family.
 *
 * @throws NftExpressionError when a part can never match there, e.g. an IPv6 address in family ip
 */
export function rule(family: NftFamily, ...parts: readonly RulePart[]): readonly Expression[] {
  const known = new Map<Header["layer"], Header["protocol"]>(headersOf(family));
  return parts.flatMap(({ needs, establishes, expressions }) => {
    const guard = needs === undefined ? [] : guardFor(family, needs, known);
    if (establishes !== undefined) known.set(establishes.layer, establishes.protocol);
    return [...guard, ...expressions];
  });
}

function headersOf(family: NftFamily): readonly [Header["layer"], Header["protocol"]][] {
  switch (family) {
    case "ip": return [["network", 4]];
    case "ip6": return [["network", 6]];
    case "bridge": return [["link", "ether"]];
    case "inet": return [];
  }
}

function guardFor(
  family: NftFamily, needs: Header, known: Map<Header["layer"], Header["protocol"]>,
): readonly Expression[] {
  const present = known.get(needs.layer);
  if (present === needs.protocol) return [];
  if (present !== undefined) {
    const wanted = headerText(needs.layer, needs.protocol);
    throw new NftExpressionError(
      `Cannot match ${wanted} in a rule of family "${family}": the packet is already known to be ` +
        `${headerText(needs.layer, present)}`,
      wanted,
    );
  }
  known.set(needs.layer, needs.protocol);
  switch (needs.layer) {
    case "link": return [loadMeta(metaKey.iiftype), compare("eq", u16Bytes(1))]; // ARPHRD_ETHER
    case "network": return networkGuard(family, needs.protocol);
    case "transport": return [loadMeta(metaKey.l4proto), compare("eq", Uint8Array.of(needs.protocol))];
  }
}

/** Below the IP layer a packet's ethertype says what it is; in inet the hook it came by does. */
function networkGuard(family: NftFamily, protocol: 4 | 6): readonly Expression[] {
  if (family === "bridge") {
    // ETH_P_IP, ETH_P_IPV6
    return [loadMeta(metaKey.protocol), compare("eq", u16beBytes(protocol === 4 ? 0x0800 : 0x86dd))];
  }
  return [loadMeta(metaKey.nfproto), compare("eq", Uint8Array.of(nfproto[protocol === 4 ? "ip" : "ip6"]))];
}

function headerText(layer: Header["layer"], protocol: Header["protocol"]): string {
  if (layer === "network") return protocol === 4 ? "ip" : "ip6";
  const named = Object.entries(transportProtocol).find(([, number]) => number === protocol);
  return named?.[0] ?? `protocol ${protocol}`;
}
