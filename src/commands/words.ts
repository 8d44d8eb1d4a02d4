/** Words as a shell hands them over, read with a command's tables. */
import { UsageError } from "./errors.ts";
import { nearest } from "./nearest.ts";
import type { Option, OptionTable, OptionValue, Parameter, ParameterTable } from "./options.ts";
import { shownParameter, shownValue, synopsis } from "./options.ts";

export interface Tables {
  readonly parameters: ParameterTable;
  readonly options: OptionTable;
}

export interface ReadWords {
  readonly parameters: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly options: Readonly<Record<string, OptionValue>>;
}

/**
 * Options may stand anywhere; what follows `--` is no option, and `-` alone is none either.
 *
 * @param name  `polynic lint`, for what is refused
 * @throws UsageError
 */
export function readWords(name: string, { parameters, options }: Tables, words: readonly string[]): ReadWords {
  const { others, given } = takenApart(options, words);
  return {
    parameters: assigned(others, { name, parameters, options, words }),
    options: Object.fromEntries(
      Object.entries(options).map(([key, option]) => [key, valueOf(key, option, given.get(key) ?? [])]),
    ),
  };
}

/** Whether help is asked for, which wins over every mistake in the other words. */
export function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return (end === -1 ? words : words.slice(0, end)).some((word) => word === "--help" || word === "-h");
}

interface TakenApart {
  /** What is no option. */
  readonly others: readonly string[];
  /** Each option's values, in order. */
  readonly given: ReadonlyMap<string, readonly string[]>;
}

function takenApart(table: OptionTable, words: readonly string[]): TakenApart {
  const others: string[] = [], given = new Map<string, string[]>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") {
      others.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      others.push(word);
      continue;
    }
    const { key, typed, option, value } = optionOf(table, word);
    if (value === undefined && option.kind !== "switch") i++;
    const found = value ?? (option.kind === "switch" ? "true" : words[i]);
    if (found === undefined || (value === undefined && isOption(found)))
      throw new UsageError(
        `Cannot understand ${typed}: its value is missing, expected ${typed} ${shownValue(key, option)}`,
      );
    given.set(key, [...(given.get(key) ?? []), found]);
  }
  return { others, given };
}

/** A value may begin with a dash only behind `=`: a forgotten value is the likelier mistake. */
function isOption(word: string): boolean {
  return word.startsWith("-") && word !== "-";
}

interface TypedOption {
  readonly key: string;
  /** As it was typed, without its value: `-i`. */
  readonly typed: string;
  readonly option: Option;
  readonly value: string | undefined;
}

function optionOf(table: OptionTable, word: string): TypedOption {
  const [, typed = word, value] = /^(--[^=]*)(?:=(.*))?$/s.exec(word) ?? /^(-.)(?:=?(.+))?$/s.exec(word) ?? [];
  const key = typed.startsWith("--")
    ? typed.slice(2)
    : (Object.keys(table).find((name) => table[name]?.short === typed.slice(1)) ?? "");
  const option = Object.hasOwn(table, key) ? table[key] : undefined;
  if (option !== undefined) return { key, typed, option, value };
  throw new UsageError(`Cannot understand ${typed}: there is no such option, ${expectedOption(table, typed)}`);
}

/** More than so many options are left to help. */
const listedMax = 6;

function expectedOption(table: OptionTable, typed: string): string {
  const names = Object.keys(table);
  const meant = nearest(typed.replace(/^-+/, ""), names);
  if (meant !== undefined) return `expected --${meant}`;
  if (names.length === 0) return "expected none";
  const listed = names.slice(0, listedMax).map((name) => `--${name}`);
  return names.length > listedMax ? "expected one of those that --help lists" : `expected ${anyOf(listed)}`;
}

/** `a, b or c` */
export function anyOf(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

function valueOf(name: string, { kind, choices }: Option, given: readonly string[]): OptionValue {
  for (const value of given) refuseOther(`--${name}`, value, choices);
  const last = given.at(-1);
  switch (kind) {
    case "texts": return given;
    case "text": return last;
    case "count": return last === undefined ? undefined : countOf(name, last);
    case "switch": return last === undefined ? undefined : switchOf(name, last);
  }
}

function refuseOther(what: string, value: string, choices: readonly string[] | undefined): void {
  if (choices === undefined || choices.includes(value)) return;
  throw new UsageError(`Cannot use ${what} ${value}: expected ${anyOf(choices)}`);
}

function countOf(name: string, value: string): number {
  if (!/^[1-9]\d{0,14}$/.test(value))
    throw new UsageError(`Cannot use --${name} ${value}: expected a whole number from 1`);
  return Number(value);
}

/** Go's flag libraries take these, and the arguments of DaemonSets are written so. */
function switchOf(name: string, value: string): boolean {
  if (!/^(1|t|true|0|f|false)$/i.test(value))
    throw new UsageError(`Cannot use --${name}=${value}: expected true or false`);
  return /^(1|t|true)$/i.test(value);
}

interface Typed extends Tables {
  readonly name: string;
  readonly words: readonly string[];
}

function assigned(others: readonly string[], typed: Typed): ReadWords["parameters"] {
  const { name, parameters, options, words } = typed;
  const expected = `expected ${synopsis(name, parameters, options)}`;
  const values: Record<string, string | readonly string[] | undefined> = {};
  let rest = others;
  for (const [key, parameter] of Object.entries(parameters)) {
    const taken = isRepeated(parameter) ? rest : rest.slice(0, 1);
    if (taken.length === 0 && (parameter.count === "one" || parameter.count === "some"))
      throw new UsageError(
        `Cannot understand "${[name, ...words].join(" ")}": ${shownParameter(key, parameter).replace(/\.+$/, "")} is ` +
          `missing, ${expected}`,
      );
    for (const value of taken) refuseOther(parameter.value ?? key.toUpperCase(), value, parameter.choices);
    values[key] = isRepeated(parameter) ? taken : taken[0];
    rest = rest.slice(taken.length);
  }
  if (rest.length > 0) throw new UsageError(`Cannot understand "${rest[0]}": it is one word too many, ${expected}`);
  return values;
}

export function isRepeated({ count }: Parameter): boolean {
  return count === "some" || count === "any";
}
