/** A network namespace whose requests are recorded: changes in words, what is only looked at by its kind. */
import type { Namespace, Nftables } from "../../kernel/index.ts";
import type { NftChange } from "../../netlink/index.ts";
import { nftCommands } from "./nft.ts";
import type { RequestPlace, RequestWords } from "./requests.ts";
import {
  addLinkWords, addressWords, deleteLinkWords, foundName, otherWords, portWords, routeWords, ruleWords, setInfoWords,
  setLinkWords, sysctlWords, vlanWords,
} from "./requests.ts";
import type { Recorder } from "./step.ts";

export interface NamespaceOptions {
  readonly where: "host" | "container";
  readonly recorder: Recorder;
  /** The other one; undefined while it is not open. */
  other(): Namespace | undefined;
  /** Prints rules of a chain of the host as nft has them; undefined where there is no nft. */
  readonly listRules: ((change: Extract<NftChange, { do: "add rule" }>) => readonly string[]) | undefined;
}

type Words = (args: readonly unknown[]) => RequestWords;

/** The namespace itself but for the parts that are looked on at. */
export function recordedNamespace(namespace: Namespace, options: NamespaceOptions): Namespace {
  const { where, recorder, other } = options;
  const place: RequestPlace = {
    where,
    nameOf: (index) => foundName(namespace.links.find(index), index),
    otherNameOf: (index) => foundName(other()?.links.find(index), index),
    isContainer: (fd) => (where === "container" ? fd === namespace.fd : fd === other()?.fd),
  };
  const words = changeWords(place);
  const parts = ["links", "addresses", "routes", "rules", "neighbours", "qdiscs", "bridgeVlans", "sysctl", "conntrack"];
  const own = Object.fromEntries(parts.map((part) => [part, lazily(() => {
    // The parts are those of a namespace, by name.
    return recordedPart(part, namespace[part as keyof Namespace] as object, { words, place, recorder });
  })]));
  const nftables = lazily(() => recordedNftables(namespace.nftables, options));
  return new Proxy(namespace, {
    get(target, key) {
      if (key === "nftables") return nftables();
      if (typeof key === "string" && Object.hasOwn(own, key)) return own[key]?.();
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

interface PartOptions {
  readonly words: Readonly<Record<string, Words>>;
  readonly place: RequestPlace;
  readonly recorder: Recorder;
}

/** Every function is a step: one with words changes something, one that asks is a look. */
function recordedPart(part: string, target: object, { words, place, recorder }: PartOptions): object {
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key);
      if (typeof value !== "function" || typeof key !== "string") return value;
      return (...args: readonly unknown[]): unknown => {
        const run = (): unknown => Reflect.apply(value, object, args);
        const { where } = place;
        if (isLook(key))
          return recorder.step(() => ({ kind: "look", where, what: lookWords(part, key, args, place) }), run);
        // Named before it is done: afterwards a link may have another name, or be gone.
        const described = recorder.aside(() => (words[`${part}.${key}`] ?? otherOf(part, key, place))(args));
        return recorder.step(() => ({ kind: "request", where, ...described }), run);
      };
    },
  });
}

function isLook(key: string): boolean {
  return /^(?:get|find|list|lookup|namespaceId|redirections)/.test(key);
}

function lookWords(part: string, key: string, args: readonly unknown[], { nameOf }: RequestPlace): string {
  const noun = nouns[part] ?? part, [first] = args;
  if (part === "links" && first !== undefined)
    return `look at link "${typeof first === "number" ? nameOf(first) : String(first)}"`;
  const isIndex = typeof first === "number" && part !== "rules" && !(part === "routes" && key === "list");
  const subject = typeof first === "string" ? ` "${first}"` : isIndex ? ` of "${nameOf(first)}"` : "";
  return `look at ${noun}${key === "lookup" ? " to an address" : subject}`;
}

const nouns: Readonly<Record<string, string>> = {
  bridgeVlans: "VLANs", sysctl: "sysctl", qdiscs: "qdiscs", conntrack: "connections",
};

function otherOf(part: string, key: string, { nameOf }: RequestPlace): Words {
  const act = `${key.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} in ${nouns[part] ?? part}`;
  return ([first, ...rest]) => (typeof first === "number"
    ? otherWords(act, nameOf(first), rest)
    : otherWords(act, undefined, [first, ...rest]));
}

/** What is changed, by part and function. Arguments are those of `Namespace`'s functions of that name. */
function changeWords(place: RequestPlace): Readonly<Record<string, Words>> {
  const name = (index: unknown): string => place.nameOf(Number(index));
  const names = (indexes: unknown): readonly string[] => (indexes as readonly number[]).map(name);
  // What a function is called with is what its words are made of.
  const table: Readonly<Record<string, (args: readonly any[]) => RequestWords>> = {
    "links.add": ([link]) => addLinkWords(link, place),
    "links.set": ([index, changes]) => setLinkWords(name(index), changes, place),
    "links.setInfo": ([index, info]) => setInfoWords(name(index), info, place),
    "links.setBridgePort": ([index, port]) => portWords(name(index), port, place),
    "links.delete": ([index]) => deleteLinkWords([name(index)], place),
    "links.deleteAll": ([indexes]) => deleteLinkWords(names(indexes), place),
    "addresses.add": ([index, prefix, options]) => addressWords("add", name(index), prefix, place, options),
    "addresses.delete": ([index, prefix]) => addressWords("delete", name(index), prefix, place),
    "routes.add": ([route]) => routeWords("add", route, place),
    "routes.replace": ([route]) => routeWords("replace", route, place),
    "routes.delete": ([route]) => routeWords("delete", route, place),
    "routes.deleteListed": ([route]) => routeWords("delete", route, place),
    "rules.add": ([rule]) => ruleWords("add", rule, place),
    "rules.delete": ([rule]) => ruleWords("delete", rule, place),
    "bridgeVlans.add": ([index, vlan]) => vlanWords("add", name(index), vlan, place),
    "bridgeVlans.delete": ([index, id]) => vlanWords("delete", name(index), { id }, place),
    "sysctl.set": ([key, value]) => sysctlWords(key, value, place),
    "sysctl.swap": ([key, value]) => sysctlWords(key, value, place),
    "sysctl.setPossible": ([settings]) => joined(Object.entries<string>(settings).map(([key, value]) => (
      sysctlWords(key, value, place)))),
  };
  return table;
}

function joined(all: readonly RequestWords[]): RequestWords {
  return { what: all.map(({ what }) => what).join(", "), commands: all.flatMap(({ commands }) => commands) };
}

/** A transaction is a step with all that it changes; one that finds everything as it should be is a look. */
function recordedNftables(nftables: Nftables, { where, recorder, listRules }: NamespaceOptions): Nftables {
  const done = (changes: readonly NftChange[]) => {
    const commands = nftCommands(changes, listRules);
    return changes.length === 0
      ? { kind: "look", where, what: "look at nftables: all is there" } as const
      : { kind: "request", where, what: `change nftables: ${counted(changes)}`, commands } as const;
  };
  return {
    ...nftables,
    commit: (changes) => recorder.step(() => done(changes), () => nftables.commit(changes)),
    update(plan) {
      let changes: readonly NftChange[] = [];
      return recorder.step(() => done(changes), () => nftables.update(() => (changes = plan())));
    },
    rules: (chain) => recorder.step(
      () => ({ kind: "look", where, what: `look at nftables chain ${chain.family} ${chain.table} ${chain.chain}` }),
      () => nftables.rules(chain)),
    rulesByChain: (table) => recorder.step(
      () => ({ kind: "look", where, what: `look at nftables table ${table.family} ${table.table}` }),
      () => nftables.rulesByChain(table)),
    exists: (chain) => recorder.step(
      () => ({ kind: "look", where, what: `look for nftables chain ${chain.family} ${chain.table} ${chain.chain}` }),
      () => nftables.exists(chain)),
    usable: () => recorder.step(
      () => ({ kind: "look", where, what: "look whether nftables can be used" }), () => nftables.usable()),
  };
}

/** `add table, add 2 chains, add 3 rules` */
function counted(changes: readonly NftChange[]): string {
  const acts = Map.groupBy(changes, ({ do: act }) => act);
  return [...acts].map(([act, all]) => {
    const [verb = "", noun = ""] = act.split(" ");
    return all.length === 1 ? `${verb} a ${noun}` : `${verb} ${all.length} ${noun}s`;
  }).join(", ");
}

