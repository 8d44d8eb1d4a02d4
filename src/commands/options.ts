/**
 * What may stand behind a command's name, as tables: parsing, help, completion and manual pages all read them.
 */

/** What the shell offers for a value. A value that is called FILE or DIRECTORY needs no such word. */
export type Completion = "file" | "directory" | "network" | "container";

interface Value {
  /** What stands for the value in help: `FILE`. */
  readonly value?: string;
  /** Anything else is refused. */
  readonly choices?: readonly string[];
  readonly completes?: Completion;
  readonly help: string;
}

export interface Option extends Value {
  /**
   * text: one value, the last one given counts. texts: may be repeated. count: a whole number from 1. switch: no value,
   * or `=true` and `=false`.
   */
  readonly kind: "text" | "texts" | "count" | "switch";
  /** One letter: `-i`. */
  readonly short?: string;
  /** The heading of help it stands under, when not the usual one. */
  readonly section?: string;
}

export interface Parameter extends Value {
  /** one, optional: 0 or 1, some: 1 and more, any: 0 and more. The last two stand last. */
  readonly count: "one" | "optional" | "some" | "any";
}

/** By name, without the dashes. */
export type OptionTable = Readonly<Record<string, Option>>;

/** In the order in which they are typed. */
export type ParameterTable = Readonly<Record<string, Parameter>>;

export type OptionValue = string | readonly string[] | number | boolean | undefined;

/** Undefined: not given; of an option that may be repeated an empty list. */
export type OptionValues<T extends OptionTable> = { readonly [Name in keyof T]: OptionValueOf<T[Name]["kind"]> };

type OptionValueOf<Kind extends Option["kind"]> = Kind extends "texts"
  ? readonly string[]
  : Kind extends "switch"
    ? boolean | undefined
    : Kind extends "count"
      ? number | undefined
      : string | undefined;

export type ParameterValues<T extends ParameterTable> = {
  readonly [Name in keyof T]: ParameterValueOf<T[Name]["count"]>;
};

type ParameterValueOf<Count extends Parameter["count"]> = Count extends "one"
  ? string
  : Count extends "optional"
    ? string | undefined
    : readonly string[];

/** Every command whose result is data has it. */
export const jsonOption = { json: { kind: "switch", help: "print one JSON document" } } as const satisfies OptionTable;

/** `FILE...`, `[FOLDER]`: a parameter as a line of help has it. */
export function shownParameter(name: string, { count, value }: Parameter): string {
  const shown = value ?? name.toUpperCase();
  switch (count) {
    case "one": return shown;
    case "optional": return `[${shown}]`;
    case "some": return `${shown}...`;
    case "any": return `[${shown}...]`;
  }
}

/** `-i, --interface NAME`: an option as a line of help has it. */
export function shownOption(name: string, option: Option): string {
  const value = shownValue(name, option);
  return `${option.short === undefined ? "" : `-${option.short}, `}--${name}${value === "" ? "" : ` ${value}`}`;
}

/** What stands for an option's value; nothing for a switch. */
export function shownValue(name: string, { kind, value, choices }: Option): string {
  if (kind === "switch") return "";
  return value ?? choices?.join("|") ?? name.toUpperCase();
}

/** `polynic lint [OPTION...] FILE...` */
export function synopsis(name: string, parameters: ParameterTable, options: OptionTable): string {
  const words = Object.entries(parameters).map(([key, parameter]) => shownParameter(key, parameter));
  return [name, ...(Object.keys(options).length === 0 ? [] : ["[OPTION...]"]), ...words].join(" ");
}
