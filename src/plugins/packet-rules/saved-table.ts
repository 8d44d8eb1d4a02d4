import type { SavedRule } from "./iptables-rule.ts";
import { jumpOf, parseRule } from "./iptables-rule.ts";

/**
 * A table as `iptables-save` prints it. A node's may have tens of thousands of rules, and as many questions are asked
 * of it: each line is gone over once, and answers are looked up.
 */
export interface SavedTable {
  hasChain(chain: string): boolean;
  /** Whether the chain has this very rule, written as the tool prints it. */
  hasRule(chain: string, words: readonly string[]): boolean;
  /** Rules of one chain. */
  rulesOf(chain: string): readonly SavedRule[];
  /** Rules, in any chain, whose target is the chain. */
  rulesJumpingTo(chain: string): readonly SavedRule[];
}

/** @param saved  one rule or chain line an entry */
export function savedTable(saved: readonly string[]): SavedTable {
  const chains = new Set<string>(), lines = new Map<string, string[]>(), targets = new Map<string, string[]>();
  for (const line of saved) {
    if (line.startsWith(":")) chains.add(wordAt(line, 1));
    if (!line.startsWith("-A ")) continue;
    note(lines, wordAt(line, 3), line);
    for (const target of possibleTargets(line)) note(targets, target, line);
  }
  const rulesOf = remembered((chain) => (lines.get(chain) ?? []).map(parseRule));
  const texts = remembered((chain) => new Set(rulesOf(chain).map(({ words }) => textOf(words))));
  return {
    hasChain: (chain) => chains.has(chain),
    hasRule: (chain, words) => texts(chain).has(textOf(words)),
    rulesOf,
    rulesJumpingTo: (chain) => (targets.get(chain) ?? []).map(parseRule).filter((rule) => jumpOf(rule) === chain),
  };
}

function wordAt(line: string, start: number): string {
  const end = line.indexOf(" ", start);
  return line.slice(start, end < 0 ? undefined : end);
}

/** What may be a jump without quotes being looked at: a comment can look like one. */
function possibleTargets(line: string): ReadonlySet<string> {
  return new Set([...line.matchAll(/ -[jg] "?([^\s"]+)/g)].map(([, target = ""]) => target));
}

function note(lists: Map<string, string[]>, key: string, line: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [line]);
  else list.push(line);
}

/** No word of a rule holds a NUL. */
function textOf(words: readonly string[]): string {
  return words.join("\0");
}

/** Each chain is read at the first question about it. */
function remembered<T>(make: (chain: string) => T): (chain: string) => T {
  const known = new Map<string, T>();
  return (chain) => {
    const value = known.get(chain) ?? make(chain);
    known.set(chain, value);
    return value;
  };
}
