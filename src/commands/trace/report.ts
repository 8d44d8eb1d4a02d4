/** What a trace says: each step, and how much of the whole each kind of step took. Pure. */
import type { Step, StepKind } from "../steps/step.ts";
import type { Table } from "../table.ts";

export interface Total {
  readonly kind: StepKind | "rest";
  readonly count: number;
  readonly ms: number;
  /** Of the whole, from 0 to 1. */
  readonly share: number;
}

/** Largest first, what is no step last. */
export function totalsOf(steps: readonly Step[], totalMs: number): readonly Total[] {
  const kinds = [...Map.groupBy(steps, ({ kind }) => kind)].map(([kind, all]) => ({
    kind, count: all.length, ms: all.reduce((sum, { ownMs }) => sum + ownMs, 0),
  }));
  const rest = Math.max(0, totalMs - kinds.reduce((sum, { ms }) => sum + ms, 0));
  return [
    ...kinds.sort((a, b) => b.ms - a.ms),
    { kind: "rest" as const, count: 0, ms: rest },
  ].map((total) => ({ ...total, share: totalMs === 0 ? 0 : total.ms / totalMs }));
}

export function traceTable(steps: readonly Step[], totalMs: number): Table {
  return {
    columns: [
      { title: "ms", isRight: true }, { title: "own", isRight: true }, { title: "share", isRight: true },
      { title: "where" }, { title: "step" }, { title: "error" },
    ],
    rows: steps.map(({ ms, ownMs, where, what, depth, kind, error = " " }) => [
      figure(ms), figure(ownMs), share(totalMs === 0 ? 0 : ownMs / totalMs), where === "node" ? " " : where,
      { text: `${"  ".repeat(depth)}${what}`, style: styles[kind] ?? "dim" }, { text: error, style: "red" },
    ]),
  };
}

const styles: Partial<Record<StepKind, "bold" | "green" | "yellow">> = {
  plugin: "bold", program: "bold", request: "green", lock: "yellow",
};

const names: Readonly<Record<Total["kind"], string>> = {
  plugin: "plugins themselves", request: "requests that change", look: "requests that look", program: "programs",
  module: "modules", addresses: "reservations", file: "files of plugins", lock: "locks", pause: "pauses",
  rest: "the rest",
};

export function totalsTable(totals: readonly Total[]): Table {
  return {
    columns: [{ title: "kind" }, { title: "count", isRight: true }, { title: "ms", isRight: true },
      { title: "share", isRight: true }],
    rows: [
      ...totals.map(({ kind, count, ms, share: part }) =>
        [names[kind], kind === "rest" ? "" : String(count), figure(ms), share(part)]),
      ["all", "", figure(totals.reduce((sum, { ms }) => sum + ms, 0)), share(1)],
    ],
  };
}

function figure(ms: number): string {
  return ms.toFixed(2);
}

function share(part: number): string {
  return `${Math.round(part * 100)} %`;
}
