/** One line of the kit's report. */
export interface Line {
  readonly title: string;
  /** What was tried, in words: `10000 states`. */
  readonly tried: string;
  readonly milliseconds: number;
  /** The most one call used. */
  readonly fuel: number;
  readonly memoryBytes: number;
  /** Absent when all is well. */
  readonly failure?: string;
}

/** Something a module did that it must not do; the message says with what it can be repeated. */
export class KitFailure extends Error {
  override readonly name = "KitFailure";
}

/** The most that the calls of one check used. */
export interface Figures {
  fuel: number;
  memoryBytes: number;
}
