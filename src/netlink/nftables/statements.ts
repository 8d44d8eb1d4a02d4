/** What a rule does with a packet that got that far. */
import type { Address } from "../../net/index.ts";
import { immediate, nfproto, register, verdict } from "./expression.ts";
import { portBytes } from "./field.ts";
import type { RulePart } from "./rule.ts";

export function accept(): RulePart {
  return { expressions: [verdict("accept")] };
}

export function drop(): RulePart {
  return { expressions: [verdict("drop")] };
}

/** Back to the chain that jumped here; in a base chain, its policy. */
export function returnVerdict(): RulePart {
  return { expressions: [verdict("return")] };
}

export function jump(chain: string): RulePart {
  return { expressions: [verdict("jump", chain)] };
}

export function goto(chain: string): RulePart {
  return { expressions: [verdict("goto", chain)] };
}

/** Counts packets and bytes that got this far. */
export function counter(): RulePart {
  return { expressions: [{ name: "counter", data: { bytes: 0n, packets: 0n } }] };
}

/** Sends the packet out with the address of the link it leaves by. */
export function masquerade(): RulePart {
  return { expressions: [{ name: "masq", data: {} }] };
}

/** `dnat to 10.1.0.2:80`, `dnat to [fd00::2]:80`; a port needs a transport match earlier in the rule. */
export function dnat(address: Address, port?: number): RulePart {
  const family = nfproto[address.family === 4 ? "ip" : "ip6"];
  const data = { type: 1, family, addrMin: register.first }; // NFT_NAT_DNAT
  const toAddress = immediate(register.first, address.bytes);
  if (port === undefined) return { expressions: [toAddress, { name: "nat", data }] };
  return {
    expressions: [
      toAddress,
      immediate(register.second, portBytes(port)),
      { name: "nat", data: { ...data, protoMin: register.second, flags: 2 } }, // NF_NAT_RANGE_PROTO_SPECIFIED
    ],
  };
}
