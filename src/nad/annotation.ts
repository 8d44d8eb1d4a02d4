import { CniError, code } from "../cni/index.ts";
import { parseCommaItem } from "./comma-form.ts";
import { gatewayClash } from "./gateways.ts";
import { parseElement } from "./json-form.ts";
import type { JsonLimits } from "./json-text.ts";
import { findJsonProblem, jsonProblemText } from "./json-text.ts";
import type { Refusal, Step } from "./refusal.ts";
import { collect } from "./refusal.ts";
import type { NetworkSelection, ReadingContext, SelectionContext } from "./selection.ts";

/** Something wrong with an annotation, where it is and in words. */
export interface SelectionProblem {
  /** Steps into the JSON form, `[1, "mac"]`; for the comma form the item's index. */
  readonly path: readonly Step[];
  /** Where the text stops being JSON. */
  readonly offset?: number;
  readonly code: number;
  /** To be put after the subject and a colon: `element 2 ("storage"): "mac" is "zz", expected ...`. */
  readonly text: string;
}

/**
 * The networks a pod asks for, in its order: JSON when the text holds a bracket, a brace or a double quote, else a list
 * of `[namespace/]name[@interface]` with commas. An empty text asks for none.
 *
 * @throws CniError 6 or 7 naming the element and its key
 */
export function parseSelections(text: string, context: SelectionContext): readonly NetworkSelection[] {
  const { selections, problems: [first] } = readSelections(text, context);
  if (first !== undefined) throw new CniError(first.code, `Cannot read ${context.subject}: ${first.text}`);
  return selections;
}

/** Whether a text is meant as JSON: the comma form has none of its signs. */
export function isJsonForm(text: string): boolean {
  return /[[{"]/.test(text);
}

/** What can be read of an annotation, and all that cannot. */
export interface SelectionReading {
  /** Without the elements that have a problem. */
  readonly selections: readonly NetworkSelection[];
  /** The element each selection was. */
  readonly indexes: readonly number[];
  readonly problems: readonly SelectionProblem[];
}

/** The same with everything that is wrong, for people who want to hear it all at once. */
export function readSelections(text: string, context: ReadingContext): SelectionReading {
  if (text === "") return { selections: [], indexes: [], problems: [] };
  const items = itemsOf(text);
  if ("problem" in items) return { selections: [], indexes: [], problems: [items.problem] };
  const read = items.list.map((item, index) => readItem(item, index, items.form, context));
  const usable = read.flatMap(({ selection, problems }, index) =>
    selection === undefined || problems.length > 0 ? [] : [{ selection, index }],
  );
  const selections = usable.map(({ selection }) => selection),
    problems = read.flatMap((one) => one.problems);
  const clash = context.strict
    ? gatewayClash(
        selections.map(({ defaultRoute }) => defaultRoute),
        selections.map(({ name }) => name),
      )
    : undefined;
  if (clash !== undefined) problems.push({ path: [], code: code.invalidConfig, text: clash });
  return { selections, indexes: usable.map(({ index }) => index), problems };
}

interface ItemReading {
  readonly selection: NetworkSelection | undefined;
  readonly problems: readonly SelectionProblem[];
}

function readItem(item: unknown, index: number, form: "json" | "comma", context: ReadingContext): ItemReading {
  const refusals: Refusal[] = [];
  const selection =
    form === "json"
      ? parseElement(item, context, refusals)
      : collect(refusals, () => parseCommaItem(String(item), context));
  const problems = refusals.map(({ path, text }) => ({
    path: [index, ...path],
    code: code.invalidConfig,
    text: `${elementWords(item, index)}: ${text}`,
  }));
  return { selection, problems };
}

/** An API server keeps at most this many bytes of annotations for one object. */
export const annotationLimits: JsonLimits = {
  charsMax: 256 * 1024,
  /** cni-args go into a configuration, which may then be nested deeper by a few. */
  depthMax: 100,
};

/** Far beyond what a pod can use, and few enough to be looked up one by one. */
export const selectionsMax = 1000;

type Items =
  { readonly form: "json" | "comma"; readonly list: readonly unknown[] } | { readonly problem: SelectionProblem };

function itemsOf(text: string): Items {
  if (text.length > annotationLimits.charsMax)
    return trouble(
      code.decodingFailure,
      `it has ${text.length} characters, expected at most ${annotationLimits.charsMax}`,
    );
  const json = isJsonForm(text);
  const parsed = json ? listOf(text) : { list: text.split(",").map((item) => item.trim()) };
  if ("problem" in parsed) return parsed;
  if (parsed.list.length > selectionsMax)
    return trouble(code.invalidConfig, `it has ${parsed.list.length} elements, expected at most ${selectionsMax}`);
  return { form: json ? "json" : "comma", list: parsed.list };
}

function listOf(text: string): { readonly list: readonly unknown[] } | { readonly problem: SelectionProblem } {
  const problem = findJsonProblem(text, annotationLimits.depthMax);
  if (problem !== undefined) return trouble(code.decodingFailure, jsonProblemText(text, problem), problem.offset);
  const value: unknown = JSON.parse(text);
  if (Array.isArray(value)) return { list: value };
  return trouble(
    code.invalidConfig,
    `it is ${typeof value === "object" && value !== null ? "an object" : "a single value"}, expected a list such as ` +
      `[{"name": "storage"}]`,
  );
}

function trouble(errorCode: number, text: string, offset?: number): { readonly problem: SelectionProblem } {
  return { problem: { path: [], code: errorCode, text, ...(offset === undefined ? {} : { offset }) } };
}

/** `element 2 ("storage")`, counted from 1 as people do. */
function elementWords(item: unknown, index: number): string {
  const name = typeof item === "string" ? item : nameOf(item);
  return name === ""
    ? `element ${index + 1}`
    : `element ${index + 1} (${JSON.stringify(name.slice(0, nameShownChars))})`;
}

function nameOf(item: unknown): string {
  const [, name] = Object.entries(item ?? {}).find(([key]) => key.toLowerCase() === "name") ?? [];
  return typeof name === "string" ? name : "";
}

const nameShownChars = 80;
