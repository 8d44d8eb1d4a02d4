/**
 * Regular expressions that are answered in one step a character, whatever they are and whatever they are held against:
 * the engine's own tries alternatives one after the other, and a pattern such as `(a+)+$` takes it seconds for thirty
 * characters.
 *
 * A pattern becomes a table of states; the script a schema is compiled to holds the table. What has no such table,
 * look-around and back references, is refused, and so is a pattern whose table grows too large.
 */

/** Code points from, to; both included. */
type Span = readonly [number, number];

/** One step of the pattern: a character of a set, or none. */
type Node =
  | { readonly kind: "set"; readonly spans: readonly Span[]; next: number }
  | { readonly kind: "split"; next: number; other: number }
  | { readonly kind: "start" | "end"; next: number }
  | { readonly kind: "match" };

/** A pattern as a table. */
export interface PatternTable {
  /** First code point of each class of characters that are all the same to the pattern, ascending from 0. */
  readonly classes: readonly number[];
  /** For each state, the next one by class; -1 matches whatever follows, -2 never does. */
  readonly next: readonly number[];
  /** Whether the text may end there, by state. */
  readonly ends: readonly boolean[];
}

const matched = -1, failed = -2;
const lastCodePoint = 0x10ffff;
const nodesLimit = 4096, statesLimit = 1024, cellsLimit = 32_768;

/** @throws Error that says what the pattern has and what is wrong with it */
export function tableOf(pattern: string): PatternTable {
  new RegExp(pattern, "u"); // its syntax errors are told in the engine's words
  const nodes: Node[] = [];
  const first = new PatternParser(pattern, nodes).parse();
  return tabulate(nodes, first, () => refused(pattern, "needs too many states", "a simpler one"));
}

function refused(pattern: string, what: string, expected: string): Error {
  return new Error(`pattern ${JSON.stringify(pattern)} ${what}, expected ${expected}`);
}

const anyButLineEnds: readonly Span[] = without([[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]]);
const digits: readonly Span[] = [[0x30, 0x39]];
const words: readonly Span[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const spaces: readonly Span[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const classEscapes: Readonly<Record<string, readonly Span[]>> = {
  d: digits,
  D: without(digits),
  w: words,
  W: without(words),
  s: spaces,
  S: without(spaces),
};
const controlEscapes: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d, 0: 0 };

/** Everything else. */
function without(spans: readonly Span[]): readonly Span[] {
  const rest: Span[] = [];
  let from = 0;
  for (const [first, last] of [...spans].sort(([a], [b]) => a - b)) {
    if (first > from) rest.push([from, first - 1]);
    from = Math.max(from, last + 1);
  }
  return from > lastCodePoint ? rest : [...rest, [from, lastCodePoint]];
}

/** Makes the nodes of something, given the one that follows; called once for each repetition. */
type Part = (next: number) => number;

/** Reads a pattern the engine has accepted already: of its syntax, only what is refused needs to be looked for. */
class PatternParser {
  readonly #chars: readonly string[];
  readonly #nodes: Node[];
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string, nodes: Node[]) {
    this.#chars = [...pattern];
    this.#nodes = nodes;
    this.#pattern = pattern;
  }

  parse(): number {
    return this.#alternatives()(this.#add({ kind: "match" }));
  }

  #add(node: Node): number {
    if (this.#nodes.length >= nodesLimit)
      throw refused(this.#pattern, "is too long", `at most ${nodesLimit} characters with its repetitions written out`);
    return this.#nodes.push(node) - 1;
  }

  #take(text: string): boolean {
    const found = this.#chars.slice(this.#at, this.#at + text.length).join("") === text;
    if (found) this.#at += text.length;
    return found;
  }

  #alternatives(): Part {
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    return (next) =>
      parts.map((part) => part(next)).reduceRight((other, first) => this.#add({ kind: "split", next: first, other }));
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.#chars.length && this.#chars[this.#at] !== "|" && this.#chars[this.#at] !== ")")
      parts.push(this.#repeated(this.#atom()));
    return (next) => parts.reduceRight((following, part) => part(following), next);
  }

  #atom(): Part {
    if (this.#take("(")) {
      if (this.#take("?") && !this.#take(":"))
        throw refused(this.#pattern, "looks around or names a group", "groups ( ) and (?: )");
      const inner = this.#alternatives();
      this.#take(")");
      return inner;
    }
    if (this.#take("^")) return (next) => this.#add({ kind: "start", next });
    if (this.#take("$")) return (next) => this.#add({ kind: "end", next });
    const spans = this.#take(".") ? anyButLineEnds : this.#take("[") ? this.#set() : this.#character();
    return (next) => this.#add({ kind: "set", spans, next });
  }

  #repeated(part: Part): Part {
    const bounds = this.#bounds();
    if (bounds === undefined) return part;
    this.#take("?"); // which of several matches is found does not matter
    const [least, most] = bounds;
    return (next) => {
      let following = next;
      if (most === Infinity) {
        const loop: Node = { kind: "split", next: 0, other: next };
        following = this.#add(loop);
        loop.next = part(following);
      } else {
        for (let i = least; i < most; i++) following = this.#add({ kind: "split", next: part(following), other: next });
      }
      for (let i = 0; i < least; i++) following = part(following);
      return following;
    };
  }

  #bounds(): readonly [number, number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    if (!this.#take("{")) return undefined;
    const end = this.#chars.indexOf("}", this.#at);
    const [least = "", most] = this.#chars.slice(this.#at, end).join("").split(",");
    this.#at = end + 1;
    if (Number(least) > nodesLimit || Number(most ?? 0) > nodesLimit)
      throw refused(this.#pattern, "repeats too often", `at most ${nodesLimit} times`);
    return [Number(least), most === undefined ? Number(least) : most === "" ? Infinity : Number(most)];
  }

  #set(): readonly Span[] {
    const negated = this.#take("^");
    const spans: Span[] = [];
    while (!this.#take("]")) {
      const from = this.#character();
      if (this.#chars[this.#at] === "-" && this.#chars[this.#at + 1] !== "]") {
        this.#at++;
        const to = this.#character();
        spans.push([from[0]?.[0] ?? 0, to[0]?.[1] ?? 0]);
      } else spans.push(...from);
    }
    return negated ? without(spans) : spans;
  }

  /** One character, or a class by its escape; inside a set and outside. */
  #character(): readonly Span[] {
    const char = this.#chars[this.#at++] ?? "";
    if (char !== "\\") return one(char.codePointAt(0) ?? 0);
    const escaped = this.#chars[this.#at++] ?? "";
    const spans = classEscapes[escaped];
    if (spans !== undefined) return spans;
    if (escaped === "x") return one(this.#hex(2));
    if (escaped === "u" && !this.#take("{")) return one(this.#hex(4));
    if (escaped === "u") {
      const end = this.#chars.indexOf("}", this.#at), value = this.#hex(end - this.#at);
      this.#at++;
      return one(value);
    }
    const control = controlEscapes[escaped];
    if (control !== undefined) return one(control);
    if (/[A-Za-z1-9]/.test(escaped))
      throw refused(this.#pattern, `has \\${escaped}`, "\\d, \\w, \\s, \\t, \\n, \\r, \\xHH, \\uHHHH and characters");
    return one(escaped.codePointAt(0) ?? 0);
  }

  #hex(count: number): number {
    const text = this.#chars.slice(this.#at, this.#at + count).join("");
    this.#at += count;
    return Number.parseInt(text, 16);
  }
}

function one(codePoint: number): readonly Span[] {
  return [[codePoint, codePoint]];
}

/** Sets of nodes as states, each made when it is first reached. A match may begin at every character. */
function tabulate(nodes: readonly Node[], first: number, tooLarge: () => Error): PatternTable {
  const borders = nodes.flatMap((node) =>
    node.kind === "set" ? node.spans.flatMap(([from, to]) => [from, to + 1]) : [],
  );
  const classes = [...new Set([0, ...borders])].filter((border) => border <= lastCodePoint).sort((a, b) => a - b);
  const known = new Map<string, number>();
  const states: ReadonlySet<number>[] = [];
  const next: number[] = [], ends: boolean[] = [];
  const stateOf = (reached: ReadonlySet<number>): number => {
    if ([...reached].some((index) => nodes[index]?.kind === "match")) return matched;
    if (reached.size === 0) return failed;
    const key = [...reached].sort((a, b) => a - b).join();
    const state = known.get(key) ?? states.push(reached) - 1;
    known.set(key, state);
    if (states.length > statesLimit || states.length * classes.length > cellsLimit) throw tooLarge();
    return state;
  };
  const initial = stateOf(reachable(nodes, [first], { start: true }));
  const again = reachable(nodes, [first], {});
  if (initial < 0) return { classes: [0], next: [initial], ends: [initial === matched] };
  for (let state = 0; state < states.length; state++) {
    const now = states[state] ?? new Set();
    ends.push(
      [...reachable(nodes, [...now], { start: state === 0, end: true })].some(
        (index) => nodes[index]?.kind === "match",
      ),
    );
    for (const character of classes) {
      const after = [...now].flatMap((index) => {
        const node = nodes[index];
        return node?.kind === "set" && node.spans.some(([from, to]) => from <= character && character <= to)
          ? [node.next]
          : [];
      });
      next.push(stateOf(new Set([...reachable(nodes, after, {}), ...again])));
    }
  }
  return { classes, next, ends };
}

/** Nodes that are reached without a character; what waits for the text's end stays. */
function reachable(
  nodes: readonly Node[],
  from: readonly number[],
  at: { readonly start?: boolean; readonly end?: boolean },
): ReadonlySet<number> {
  const seen = new Set<number>();
  const left = [...from];
  const reached = new Set<number>();
  for (let index = left.pop(); index !== undefined; index = left.pop()) {
    const node = nodes[index];
    if (node === undefined || seen.has(index)) continue;
    seen.add(index);
    if (node.kind === "split") left.push(node.next, node.other);
    else if (node.kind === "start") { if (at.start === true) left.push(node.next); }
    else if (node.kind === "end" && at.end === true) left.push(node.next);
    else reached.add(index);
  }
  return reached;
}

/**
 * Whether a text matches. It goes into compiled schemas as text: it may use nothing from outside itself.
 */
export function matches({ classes, next, ends }: PatternTable, text: string): boolean {
  let state = 0;
  for (const char of text) {
    const codePoint = char.codePointAt(0) ?? 0;
    let low = 0;
    for (let high = classes.length; high - low > 1;) {
      const middle = (low + high) >>> 1;
      if ((classes[middle] ?? 0) <= codePoint) low = middle;
      else high = middle;
    }
    state = next[state * classes.length + low] ?? -2;
    if (state < 0) return state === -1;
  }
  return ends[state] ?? false;
}
