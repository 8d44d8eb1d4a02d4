import type { ParseArgsOptionsConfig } from "node:util";
import { UsageError } from "../errors.ts";

/** One `polynic module` command. */
export interface Command {
  /** What follows the command's name, as a person reads it. */
  readonly usage: string;
  readonly summary: string;
  readonly options: ParseArgsOptionsConfig;
  /** Fewest and most arguments that are no options. */
  readonly arguments: readonly [number, number];
  run(input: CommandInput): Promise<Outcome>;
}

export interface CommandInput {
  readonly arguments: readonly string[];
  readonly options: Options;
  /** Prints a line to stdout at once. */
  say(line: string): void;
}

/** 0: as wanted. 1: it was done and the answer is no, as with a test that fails. */
export type Outcome = 0 | 1;

/** Options as they were given. */
export interface Options {
  /** Undefined when absent. */
  text(name: string): string | undefined;
  /** All values of an option that may be repeated. */
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  /**
   * A whole number from 1.
   *
   * @throws UsageError for other text
   */
  count(name: string): number | undefined;
}

export function optionsOf(values: Readonly<Record<string, unknown>>): Options {
  const text = (name: string) => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    text,
    texts: (name) => {
      const value = values[name];
      return Array.isArray(value) ? value.map(String) : [];
    },
    flag: (name) => values[name] === true,
    count(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      if (!/^[1-9]\d{0,14}$/.test(value))
        throw new UsageError(`Cannot use --${name} ${value}: expected a whole number from 1`);
      return Number(value);
    },
  };
}
