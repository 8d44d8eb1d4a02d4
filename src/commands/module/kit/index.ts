/**
 * The conformance kit: what any module of a kind must do, whatever it decides. Random states, edges, damaged requests,
 * a simulation against a set model, and the author's own cases. It tries modules as the host calls them, in the
 * sandbox, and judges them by the host's own checks and a model of its own. A seed makes every run repeatable.
 */
import type { Check, Trial } from "./check.ts";
import { lineOf } from "./check.ts";
import { frameChecks } from "./frame-checks.ts";
import { ipamChecks } from "./ipam-checks.ts";
import type { Pool } from "./pool.ts";
import type { Line } from "./report.ts";
import { resultChecks } from "./result-checks.ts";
import { schemaChecks } from "./schema-checks.ts";
import type { Subject } from "./subject.ts";

export type { Line } from "./report.ts";
export type { Subject } from "./subject.ts";
export { KitFailure } from "./report.ts";
export { builtInSubject, subjectOf } from "./subject.ts";
export type { Case, CaseRequest } from "./case.ts";
export { CaseError, differenceOf, parseCases, parseRequest, poolsOf } from "./case.ts";
export type { CaseRun } from "./case-run.ts";
export { allocateRequest, caseFigures, rangesOf, runCase, runRequest } from "./case-run.ts";

export type { BenchState } from "./bench.ts";
export { benchStates } from "./bench.ts";

export interface KitOptions {
  readonly seed: number;
  /** 1 for the whole kit, less for a share of its random requests. */
  readonly share: number;
  /** Ranges the module's configuration is made for, beside the kit's own. */
  readonly pools: readonly Pool[];
}

/** Runs the kit, one line after the other; a line with a failure does not end it. */
export async function* runKit(subject: Subject, { seed, share, pools }: KitOptions): AsyncGenerator<Line> {
  const configs = subject.metadata.examples.map(({ config }) => config);
  for (const { title, run } of checksOf(subject)) {
    const figures = { fuel: 0, memoryBytes: 0 };
    const trial: Trial = {
      subject, seed, pools, figures,
      configs: configs.length === 0 ? [{}] : configs,
      scaled: (count) => Math.max(1, Math.ceil(count * share)),
    };
    yield await lineOf(title, figures, () => run(trial));
  }
}

function checksOf({ metadata }: Subject): readonly Check[] {
  return [...schemaChecks, ...frameChecks, ...(metadata.kind === "ipam" ? ipamChecks : resultChecks)];
}
