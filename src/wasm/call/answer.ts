import { CniError, code } from "../../cni/index.ts";

/** An answer nests at most so deep. */
const deepestAnswer = 32;

/** A JSON object from a module, still to be checked. */
export type Answer = Readonly<Record<string, unknown>>;

/**
 * The object a module answered with.
 *
 * @param log  gets each line the module logged, also when it answered with an error
 * @throws CniError 145 when the text is no JSON object or nests deeper than 32; the module's own code (4, 7, 11,
 *   100-139)
 *   when it answered with an error
 */
export function readAnswer(name: string, text: string, log: (line: string) => void = () => {}): Answer {
  if (isDeeper(text, deepestAnswer)) throw answerError(name, `it nests deeper than ${deepestAnswer} levels`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CniError(code.moduleAnswer, `Cannot read the answer of module "${name}": it is not JSON`, { cause });
  }
  if (!isObject(value)) throw answerError(name, "it is not a JSON object");
  logAnswer(value, log);
  if (value["error"] !== undefined) throw moduleError(name, value["error"]);
  return value;
}

/** An answer that is not shaped as the op asks. */
export function answerError(name: string, what: string): CniError {
  return new CniError(code.moduleAnswer, `Cannot read the answer of module "${name}": ${printable(what, shownChars)}`);
}

/** An answer whose shape is right but whose content goes beyond what the module was offered. */
export function decisionError(name: string, what: string): CniError {
  return new CniError(
    code.moduleDecision,
    `Cannot accept the decision of module "${name}": ${printable(what, shownChars)}`,
  );
}

/** Of what a module says, so much is repeated in an error; its own messages may be longer. */
const shownChars = 512, messageChars = 1024, detailsChars = 4096;

/**
 * A module's text on one line of somebody's terminal or log: what would end the line, move the cursor or turn the
 * writing's direction is a space, and what is longer is cut.
 */
export function printable(text: string, chars: number): string {
  const cut = text.length > chars ? `${text.slice(0, chars)}...` : text;
  // Most texts are plain, and classes of Unicode take 0.3 ms before they are used the first time.
  if (/^[\x20-\x7e]*$/.test(cut)) return cut;
  return cut.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, " ");
}

/** Refuses keys that no op knows: they are typos. */
export function refuseOtherKeys(name: string, at: string, value: Answer, known: readonly string[]): void {
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined)
    throw answerError(name, `${at} has an unknown key ${JSON.stringify(other)}, expected ${known.join(", ")}`);
}

export function isObject(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The list at a key, or undefined when absent; at most `limit` long. */
export function listAt(name: string, value: Answer, key: string, limit: number): readonly unknown[] | undefined {
  const list = value[key];
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw answerError(name, `${key} is not a list`);
  if (list.length > limit) throw answerError(name, `${key} has ${list.length} entries, expected at most ${limit}`);
  return list;
}

/** Whether brackets outside strings nest deeper than that; the text need not be JSON. */
export function isDeeper(text: string, levels: number): boolean {
  // Most texts have fewer brackets at all: the first use of a regular expression takes longer than all else here.
  return text.split("[").length + text.split("{").length - 2 > levels && textDepth(text) > levels;
}

/** Brackets outside strings; the text need not be JSON. */
export function textDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[[\]{}]/gs)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth);
    else if (token === "]" || token === "}") depth--;
  }
  return deepest;
}

/** Codes a module may answer with: 7, 11 and its own, and 4 for an op it does not know. */
function moduleError(name: string, error: unknown): CniError {
  if (!isObject(error)) return answerError(name, "error is not an object");
  const { code: number, msg, details } = error;
  const allowed =
    typeof number === "number" &&
    Number.isInteger(number) &&
    (number === 4 || number === 7 || number === 11 || (number >= 100 && number <= 139));
  if (!allowed) return answerError(name, `error.code is ${JSON.stringify(number)}, expected 7, 11 or 100 to 139`);
  if (typeof msg !== "string") return answerError(name, "error.msg is not a string");
  return new CniError(
    number,
    printable(msg, messageChars),
    typeof details === "string" ? { details: printable(details, detailsChars) } : {},
  );
}

const logLines = 20, logChars = 256;

/** What a module wants to be read by people; anything else in that place is passed over. */
function logAnswer({ log: lines }: Answer, log: (line: string) => void): void {
  if (!Array.isArray(lines)) return;
  for (const line of lines.slice(0, logLines)) {
    if (typeof line === "string") log(printable(line.slice(0, logChars), logChars));
  }
}
