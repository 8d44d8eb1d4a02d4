/**
 * error: something does not work, or soon will not. warning: it works otherwise than somebody may think. note: worth
 * knowing, nothing is wrong.
 */
export type Severity = "error" | "warning" | "note";

export interface Finding {
  readonly severity: Severity;
  /** What it is about: `kernel`, a file, a runtime. */
  readonly about: string;
  /** What is true. */
  readonly what: string;
  /** What puts it right. */
  readonly fix: string;
}
