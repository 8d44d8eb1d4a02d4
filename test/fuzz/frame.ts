/**
 * Parsers fed with inputs that were changed at random. Each case is made of the seed and its number alone, so that one
 * that was found can be run again by itself:
 *
 *     POLYNIC_SEED=77 POLYNIC_FUZZ_CASE=4711 npm test -- '^fuzz/'
 *
 * POLYNIC_FUZZ_CASES says how many cases there are of a subject of weight 1, POLYNIC_FUZZ_SUBJECT is a regular
 * expression of the titles to try alone. A finding is an error that is no refusal, a refusal that does not name what is
 * refused, something accepted that is none of its kind, and a case that does not end.
 */
import * as assert from "uvu/assert";
import { toCniError } from "../../src/call/index.ts";
import { CniError, code } from "../../src/cni/index.ts";
import type { Random } from "../helpers/random.ts";
import { random } from "../helpers/random.ts";
import type { ChangedJson, Path } from "./mutation.ts";
import { changedBytes, changedJson, changedText } from "./mutation.ts";
import { watched } from "./watchdog.ts";

/** A parser, inputs that it takes, and what may come of others. */
export interface Subject<Input> {
  readonly title: string;
  /** Each is accepted as it is. */
  readonly seeds: readonly Input[];
  /** How many cases there are beside other subjects'; 1 unless given. */
  readonly weight?: number;
  change(seed: Input, random: Random): Input;
  /** One line for people. */
  show(input: Input): string;
  /** Gives what is wrong with what was accepted, in words, undefined where nothing is. Throws the parser's error. */
  accept(input: Input): string | undefined | Promise<string | undefined>;
  /** What is wrong with an error, undefined where it is a good refusal. */
  refuse(error: unknown, input: Input): string | undefined;
}

export interface Fuzzed {
  readonly caseCount: number;
  readonly acceptedCount: number;
  readonly refusedCount: number;
  /** Each kind once, by its first case, with the words to run that alone. */
  readonly findings: readonly string[];
}

export interface FuzzOptions {
  readonly caseCount: number;
  readonly seed: number;
  /** The only one. */
  readonly caseIndex?: number | undefined;
}

/** In `npm test`, where every run is to be like the one before. */
const shortCaseCount = 600, shortSeed = 77;
/** Kinds of findings that one subject has words for. */
const findingsMax = 20;

function options(): FuzzOptions {
  const { POLYNIC_SEED: seed, POLYNIC_FUZZ_CASES: cases, POLYNIC_FUZZ_CASE: one } = process.env;
  return {
    caseCount: Number(cases ?? shortCaseCount),
    seed: Number(seed ?? (cases === undefined ? shortSeed : Date.now() % 2 ** 31)),
    caseIndex: one === undefined ? undefined : Number(one),
  };
}

/** For the body of a test: says on stdout what was tried, and fails with the findings. */
export async function fuzz<Input>(subject: Subject<Input>): Promise<void> {
  if (!new RegExp(process.env["POLYNIC_FUZZ_SUBJECT"] ?? "").test(subject.title)) return;
  const given = options(), { caseCount, acceptedCount, refusedCount, findings } = await tried(subject, given);
  process.stdout.write(`${subject.title}: ${caseCount} cases of seed ${given.seed}, ${acceptedCount} accepted, ` +
    `${refusedCount} refused\n`);
  assert.ok(findings.length === 0, `${findings.length} kinds of findings\n${findings.join("\n")}`);
  if (given.caseIndex !== undefined || caseCount < 100) return;
  // Whatever is always accepted, or never, is no parser that was looked at.
  assert.ok(acceptedCount > 0 && refusedCount > 0, `${acceptedCount} accepted, ${refusedCount} refused`);
}

/** The seeds as they are, which are no cases, and then the cases. */
export async function tried<Input>(subject: Subject<Input>, given: FuzzOptions): Promise<Fuzzed> {
  const { title, seeds, weight = 1 } = subject, { seed, caseIndex } = given;
  const findings = new Map<string, string>(), counts = { accepted: 0, refused: 0 };
  const note = (problem: string, again: string, input: Input): void => {
    const kind = kindOf(problem);
    if (!findings.has(kind) && findings.size < findingsMax)
      findings.set(kind, `${again}: ${problem}\n    ${shortened(subject.show(input))}`);
  };
  for (const [index, input] of seeds.entries()) {
    const problem = await problemOf(subject, input);
    if (problem.text !== undefined || !problem.isAccepted)
      note(problem.text ?? "it is refused", `seed input ${index}`, input);
  }
  const first = caseIndex ?? 0, end = caseIndex === undefined ? Math.ceil(given.caseCount * weight) : first + 1;
  const watch = watched(`${title}, POLYNIC_SEED=${seed}`);
  try {
    for (let index = first; index < end; index++) {
      watch.begins(index);
      const input = inputOf(subject, seed, index), { text, isAccepted } = await problemOf(subject, input);
      counts[isAccepted ? "accepted" : "refused"]++;
      if (text !== undefined) note(text, `POLYNIC_SEED=${seed} POLYNIC_FUZZ_CASE=${index}`, input);
    }
  } finally {
    await watch.end();
  }
  const { accepted: acceptedCount, refused: refusedCount } = counts;
  return { caseCount: end - first, acceptedCount, refusedCount, findings: [...findings.values()] };
}

function inputOf<Input>(subject: Subject<Input>, seed: number, index: number): Input {
  const own = random(Math.imul(seed ^ 0x9e3779b9, 2 * index + 1) ^ index);
  return subject.change(own.pick(subject.seeds), own);
}

interface Problem {
  readonly isAccepted: boolean;
  readonly text: string | undefined;
}

async function problemOf<Input>(subject: Subject<Input>, input: Input): Promise<Problem> {
  try {
    return { isAccepted: true, text: await subject.accept(input) };
  } catch (error) {
    return { isAccepted: false, text: subject.refuse(error, input) };
  }
}

/** What findings have in common that are the same one: numbers and what is quoted differ. */
function kindOf(problem: string): string {
  return problem.replaceAll(/"(?:[^"\\]|\\.)*"?|[\d.]+|\[.*?\]/gs, "").slice(0, 60);
}

function shortened(text: string): string {
  return text.length > 1000 ? `${text.slice(0, 1000)}... (${text.length} characters)` : text;
}

/** A text of JSON, or of nearly that. */
export interface JsonInput {
  readonly text: string;
  /** Which nodes were changed; undefined where the text itself was. */
  readonly paths?: readonly Path[];
}

/** The half of a subject that makes inputs of JSON values. */
export function jsonInputs(values: readonly unknown[]): Pick<Subject<JsonInput>, "seeds" | "change" | "show"> {
  const seeds = values.map((value): JsonInput => ({ text: JSON.stringify(value), paths: [] }));
  return {
    seeds,
    change({ text }, random) {
      if (random.once(6)) return { text: changedText(text, random) };
      const { value, paths }: ChangedJson = changedJson(JSON.parse(text), random, values);
      return { text: JSON.stringify(value), paths };
    },
    show: ({ text }) => text,
  };
}

/** The same of texts of another kind. */
export function textInputs(seeds: readonly string[]): Pick<Subject<string>, "seeds" | "change" | "show"> {
  return { seeds, change: changedText, show: (text) => JSON.stringify(text) };
}

/** The same of bytes. */
export function byteInputs(seeds: readonly Uint8Array[]): Pick<Subject<Uint8Array>, "seeds" | "change" | "show"> {
  return { seeds, change: changedBytes, show: (bytes) => Buffer.from(bytes).toString("hex") };
}

export interface Refusals {
  /** Codes that such an input may be refused with; absent: all but 999. */
  readonly codes?: readonly number[];
  /** What the message names, or its details. */
  readonly names: RegExp;
}

/** What is wrong with an error as a runtime would get it. */
export function wrongRefusal(error: unknown, { codes, names }: Refusals): string | undefined {
  const { code: number, message, details = "" } = toCniError(error);
  const told = `${number} ${JSON.stringify(message.slice(0, 300))}`;
  if (number === code.internal) return `ends as a bug of ours: ${error instanceof Error ? error.stack : String(error)}`;
  if (codes !== undefined && !codes.includes(number))
    return `is refused with code ${told}, expected ${codes.join(", ")}`;
  return names.test(message) || names.test(details) ? undefined : `is refused without a name of it: ${told}`;
}

/** The same, and that a key near the one place that was changed is named, or the value. */
export function wrongRefusalOfKey(error: unknown, input: JsonInput, refusals: Refusals): string | undefined {
  const wrong = wrongRefusal(error, refusals);
  if (wrong !== undefined || !(error instanceof CniError) || input.paths?.length !== 1) return wrong;
  const [path = []] = input.paths, told = `${error.message} ${error.details ?? ""}`.toLowerCase();
  const found = path.reduce<unknown>((inner, key) => Reflect.get(Object(inner), key), JSON.parse(input.text));
  const keys = path.filter((step) => typeof step === "string");
  const isTold = [...keys, ...wordsIn(found)].some((word) => told.includes(word.toLowerCase()));
  // Another thing as a whole has no key.
  if (keys.length === 0 || isTold) return undefined;
  return `is refused without a word of ${path.join(".")}: ${error.code} ${JSON.stringify(error.message.slice(0, 300))}`;
}

/** Keys and texts of a value. */
function wordsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [...(Array.isArray(value) ? [] : [key]), ...wordsIn(inner)]);
}
