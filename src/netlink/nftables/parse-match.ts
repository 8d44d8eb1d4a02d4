/**
 * Match expressions as users write them for nft, e.g. in a portmap configuration's `conditionsV4`. The subset is
 * what selects packets by addresses, ports, interfaces, marks and connections; any word outside of it is refused
 * by name, because a condition that was dropped silently would match too much.
 */
import { AddressError, parseAddress, parseMac, parsePrefix } from "../../net/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { transportProtocol } from "./expression.ts";
import type { NftFamily } from "./expression.ts";
import type { Operator } from "./field.ts";
import {
  addressType,
  ctMark,
  ctState,
  ctStateBit,
  ctStatus,
  ctStatusBit,
  daddr,
  dport,
  etherDaddr,
  etherSaddr,
  fibDaddrType,
  fibSaddrType,
  iifname,
  l4proto,
  mark,
  nextHeader,
  nfprotocol,
  oifname,
  saddr,
  sport,
} from "./matches.ts";
import type { AnyPortProtocol, Span } from "./matches.ts";
import { NftExpressionError, rule } from "./rule.ts";
import type { RulePart } from "./rule.ts";
import { counter } from "./statements.ts";

/**
 * The parts of a rule that a list of words stands for, in a chain of that family.
 *
 * @param words  nft text split at its white space: `["ip", "saddr", "!=", "10.0.0.0/8", "tcp", "dport", "{80,443}"]`
 * @throws NftExpressionError whose `token` is the word that is wrong, unsupported or missing its value
 */
export function parseMatch(words: readonly string[], family: NftFamily): readonly RulePart[] {
  const reader = new WordReader(words.flatMap(splitWord));
  const parts: RulePart[] = [];
  while (!reader.ended) parts.push(parseOne(reader));
  rule(family, ...parts);
  return parts;
}

const supported = "ip, ip6, ether, tcp, udp, udplite, dccp, sctp, th, iifname, oifname, mark, meta, ct, fib " +
  "or counter";

function parseOne(reader: WordReader): RulePart {
  const word = reader.word(supported);
  switch (word) {
    case "ip":
    case "ip6": return parseNetwork(reader, word);
    case "ether": {
      const build = { saddr: etherSaddr, daddr: etherDaddr }[reader.choice("saddr", "daddr")];
      return build(reader.operator(), ...reader.values(parseEther));
    }
    case "tcp":
    case "udp":
    case "udplite":
    case "dccp":
    case "sctp":
    case "th": return parsePort(reader, word);
    case "meta": return parseMeta(reader);
    case "iifname":
    case "oifname":
    case "mark": return parseMetaKey(reader, word);
    case "ct": return parseCt(reader);
    case "fib": {
      const build = { saddr: fibSaddrType, daddr: fibDaddrType }[reader.choice("saddr", "daddr")];
      reader.choice("type");
      return build(reader.operator(), reader.choice(...keysOf(addressType)));
    }
    case "counter": return counter();
    default: throw refusal(word, supported);
  }
}

function parseNetwork(reader: WordReader, word: "ip" | "ip6"): RulePart {
  const family = word === "ip" ? 4 : 6;
  const field = reader.choice("saddr", "daddr", word === "ip" ? "protocol" : "nexthdr");
  const op = reader.operator();
  if (field !== "saddr" && field !== "daddr") return nextHeader(family, op, ...reader.values(parseProtocol));
  const build = { saddr, daddr }[field];
  return build(op, ...reader.values((text) => parseAddresses(text, family)));
}

function parsePort(reader: WordReader, protocol: AnyPortProtocol): RulePart {
  const build = { sport, dport }[reader.choice("sport", "dport")];
  return build(protocol, reader.operator(), ...reader.values(parsePorts));
}

function parseMeta(reader: WordReader): RulePart {
  const key = reader.choice("iifname", "oifname", "mark", "l4proto", "nfproto");
  if (key === "l4proto") return l4proto(reader.operator(), ...reader.values(parseProtocol));
  if (key === "nfproto") return nfprotocol(reader.operator(), reader.choice("ipv4", "ipv6") === "ipv4" ? 4 : 6);
  return parseMetaKey(reader, key);
}

function parseMetaKey(reader: WordReader, key: "iifname" | "oifname" | "mark"): RulePart {
  if (key === "mark") return parseMark(reader, mark);
  const build = { iifname, oifname }[key];
  return build(reader.operator(), ...reader.values(parseName));
}

function parseCt(reader: WordReader): RulePart {
  switch (reader.choice("state", "status", "mark")) {
    case "mark": return parseMark(reader, ctMark);
    case "state": return ctState(reader.operator(), ...reader.flags(...keysOf(ctStateBit)));
    case "status": return ctStatus(reader.operator(), ...reader.flags(...keysOf(ctStatusBit)));
  }
}

/** A backslash makes nft take an asterisk for itself. */
function parseName(text: string): string {
  if (text.includes("\\")) throw refusal(text, "a name without a backslash");
  return text;
}

/** `mark 0x1`, `mark and 0xff == 0x1`, `mark & 0xff == 0x1`. */
function parseMark(reader: WordReader, build: typeof mark): RulePart {
  const mask = reader.take("&") || reader.take("and") ? parseNumber(reader.word("a mask"), 0xffffffff) : undefined;
  return build(reader.operator(), parseNumber(reader.word("a mark"), 0xffffffff), mask);
}

function parseAddresses(text: string, family: 4 | 6): Prefix | Span<Address> {
  const [from = "", to] = text.split("-", 2);
  if (/\/0\d/.test(text)) throw refusal(text, "a decimal prefix length");
  const value = inWord(text, () => to !== undefined ? { from: parseAddress(from), to: parseAddress(to) }
    : text.includes("/") ? parsePrefix(text) : parseAddress(text));
  const addresses = "from" in value ? [value.from, value.to] : ["address" in value ? value.address : value];
  if (addresses.some((address) => address.family !== family)) {
    throw refusal(
      text,
      family === 4 ? "an IPv4 address, prefix or range after ip" : "an IPv6 address, prefix or range after ip6",
    );
  }
  return value;
}

function parseEther(text: string): Uint8Array {
  const value = inWord(text, () => parseMac(text));
  if (value.length !== 6) throw refusal(text, "a MAC of 6 bytes");
  return value;
}

function parsePorts(text: string): Span<number> {
  const [from = "", to] = text.split("-", 2);
  const first = parseNumber(from, 0xffff);
  return to === undefined ? first : { from: first, to: parseNumber(to, 0xffff) };
}

function parseProtocol(text: string): number {
  const named = keysOf(transportProtocol).find((name) => name === text);
  return named === undefined ? parseNumber(text, 0xff) : transportProtocol[named];
}

/** A number that starts with 0 is octal to nft, as in a prefix. */
function parseNumber(text: string, max: number): number {
  const value = /^(0x[0-9a-f]{1,8}|0|[1-9]\d{0,9})$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max)) throw refusal(text, `a number from 0 to ${max}`);
  return value;
}

/** Errors about addresses name the whole word. */
function inWord<T>(text: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AddressError) throw refusal(text, "an address, prefix or range of addresses", error);
    throw error;
  }
}

function refusal(token: string, expected: string, cause?: unknown): NftExpressionError {
  return new NftExpressionError(`Cannot use "${token}" in a match: expected ${expected}`, token, cause);
}

/** The keys of a constant table; nothing else is ever put into those. */
function keysOf<T extends object>(table: T): readonly (keyof T & string)[] {
  return Object.keys(table) as (keyof T & string)[];
}

/** Punctuation ends a word in nft, with white space around it or without. */
function splitWord(word: string): readonly string[] {
  return word.match(/"[^"]*"|[{},&]|[!=<>]=?|[^\s{},&!=<>"]+|"/g) ?? [];
}

/** A cursor over the words. */
class WordReader {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get ended(): boolean {
    return this.#at >= this.#words.length;
  }

  /** The next word, without its quotes. */
  word(expected: string): string {
    const word = this.#words[this.#at];
    if (word === undefined) throw refusal(this.#words.at(-1) ?? "", `${expected} after it`);
    if (/^([{},&"]|[!=<>]=?)$/.test(word)) throw refusal(word, expected);
    this.#at += 1;
    return word.startsWith('"') ? word.slice(1, -1) : word;
  }

  /** Whether the next word was that one, which is then behind us. */
  take(word: string): boolean {
    const taken = this.#words[this.#at] === word;
    if (taken) this.#at += 1;
    return taken;
  }

  choice<Choice extends string>(...choices: readonly Choice[]): Choice {
    const expected = choices.join(", ");
    const word = this.word(expected);
    const found = choices.find((choice) => choice === word);
    if (found === undefined) throw refusal(word, expected);
    return found;
  }

  /** Comparison is by equality when no operator is written. */
  operator(): Operator {
    if (this.take("!=") || this.take("!")) return "!=";
    if (!this.take("==")) this.take("=");
    return "==";
  }

  /** One value, or those of a set in braces. */
  values<T>(parse: (text: string) => T): readonly T[] {
    if (!this.take("{")) return [parse(this.word("a value"))];
    const values = [parse(this.word("a value"))];
    while (this.take(",")) values.push(parse(this.word("a value")));
    if (!this.take("}")) throw refusal(this.#words[this.#at] ?? "{", '"," or "}"');
    return values;
  }

  /** Flags separated by commas: any of them. */
  flags<Flag extends string>(...flags: readonly Flag[]): readonly Flag[] {
    const found = [this.choice(...flags)];
    while (this.take(",")) found.push(this.choice(...flags));
    return found;
  }
}
