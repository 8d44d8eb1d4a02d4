import { CniError } from "../../../cni/index.ts";
import type { Pool } from "./pool.ts";
import type { Figures, Line } from "./report.ts";
import { KitFailure } from "./report.ts";
import type { Subject } from "./subject.ts";

/** What one check works with. */
export interface Trial {
  readonly subject: Subject;
  /** Configurations the module says it takes: those of its examples, never empty. */
  readonly configs: readonly object[];
  /** Ranges of the author's own cases, which its configuration may be made for. */
  readonly pools: readonly Pool[];
  readonly seed: number;
  readonly figures: Figures;
  /** A count of the full kit, made smaller for a quick one; at least 1. */
  scaled(count: number): number;
}

/** One item of the kit. */
export interface Check {
  readonly title: string;
  /**
   * What was tried, in words.
   *
   * @throws KitFailure
   */
  run(trial: Trial): string | Promise<string>;
}

/** The line of one check: a failure is part of it, not an exception. */
export async function lineOf(title: string, figures: Figures, work: () => string | Promise<string>): Promise<Line> {
  const start = performance.now();
  const line = (tried: string) => ({ title, tried, milliseconds: performance.now() - start, ...figures });
  try {
    const tried = await work();
    return line(tried);
  } catch (error) {
    if (!(error instanceof KitFailure) && !(error instanceof CniError)) throw error;
    return { ...line(""), failure: error.message };
  }
}
