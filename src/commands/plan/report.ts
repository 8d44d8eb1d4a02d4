/** A plan in words and lines. Pure. */
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { printable } from "../../wasm/index.ts";
import type { Step } from "../steps/step.ts";
import type { Style } from "../style.ts";

export type PlannedStep = Pick<Step, "kind" | "where" | "what" | "commands" | "depth">;

export interface Plan {
  readonly steps: readonly PlannedStep[];
  /** What the ADD would answer. */
  readonly result: JsonObject | undefined;
  /** What is not as it would be, or cannot be foreseen. */
  readonly notes: readonly string[];
  /** Why it would fail. */
  readonly error?: string;
}

/** Those that change something, and whose they are; nothing of what takes a failed ADD back. */
export function plannedSteps(steps: readonly Step[], place: (text: string) => string): readonly PlannedStep[] {
  const failed = steps.findIndex(({ error, depth }) => depth === 0 && error !== undefined);
  const undone = failed < 0 ? -1 : steps.findIndex(({ depth }, index) => index > failed && depth === 0);
  return (undone < 0 ? steps : steps.slice(0, undone))
    .filter(({ kind, what }) => shownKinds.has(kind) || (kind === "addresses" && what.startsWith("reserve ")))
    .map(({ kind, where, what, commands, depth }) =>
      ({ kind, where, what: place(what), commands: commands.map(place), depth }));
}

const shownKinds: ReadonlySet<Step["kind"]> = new Set(["plugin", "program", "request", "file"]);

/** Where the ADD has really run is of no interest: instead of its paths those that they stand for. */
export function withoutPlace(text: string, paths: ReadonlyMap<string, string>): string {
  return [...paths].reduce((said, [own, real]) => said.replaceAll(own, () => real), text);
}

export function planLines({ steps, result, notes }: Plan, style: Style): readonly string[] {
  return [
    ...steps.flatMap(({ kind, where, what, commands, depth }) => {
      const indent = "  ".repeat(depth), side = where === "node" ? "" : `${where}: `;
      const said = printable(`${side}${what}`, lineChars);
      const isHeading = kind === "plugin" || kind === "program";
      return [
        `${indent}${isHeading ? style.bold(said) : said}`,
        ...commands.map((line) => `${indent}    ${style.dim(printable(line, lineChars))}`),
      ];
    }),
    ...(result === undefined ? [] : ["", ...answerLines(result)]),
    ...notes.map((note) => `${style.yellow("note:")} ${printable(note, lineChars)}`),
  ];
}

const lineChars = 8_000;

/** Who would get which addresses. */
function answerLines({ interfaces, ips }: JsonObject): readonly string[] {
  const [links, addresses] = [interfaces, ips].map((list) => (Array.isArray(list) ? list.filter(isJsonObject) : []));
  return (links ?? []).flatMap(({ name, sandbox }, index) => {
    if (typeof sandbox !== "string" || sandbox === "") return [];
    const own = (addresses ?? []).filter((ip) => ip["interface"] === index).map(({ address }) => String(address));
    return [printable(`${String(name)} would have ${own.length === 0 ? "no address" : own.join(", ")}`, lineChars)];
  });
}
