import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";

/**
 * Makes a list of every value whose key stands more than once in an object called `name`, which JSON.parse would pass
 * over in silence: what wants one value there refuses a list.
 *
 * @param text  JSON that has been parsed as `value`; that is changed
 */
export function listRepeated(text: string, value: unknown, name: string): void {
  if (!text.includes(`"${name}"`)) return;
  for (const { path, key } of repeatedKeys(text, name)) {
    const object = path.reduce<unknown>(child, value);
    if (isJsonObject(object)) Object.assign(object, { [key]: [object[key]] });
  }
}

type Path = readonly (string | number)[];

interface Frame {
  /** Where it is; undefined keys count places in a list. */
  readonly path: Path;
  readonly keys: Set<string> | undefined;
  key: string;
  index: number;
}

/** Strings and what structures them; numbers and words between are of no interest. */
const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

function repeatedKeys(text: string, name: string): readonly { readonly path: Path; readonly key: string }[] {
  const found: { path: Path; key: string }[] = [], stack: Frame[] = [];
  let lastString = "";
  for (const [word] of text.matchAll(token)) {
    const top = stack.at(-1);
    if (word === "{" || word === "[")
      stack.push({ path: placeIn(top), keys: word === "{" ? new Set() : undefined, key: "", index: 0 });
    else if (word === "}" || word === "]") stack.pop();
    else if (word === "," && top !== undefined) top.index++;
    else if (word === ":") {
      const key = String(JSON.parse(lastString));
      if (top?.keys?.has(key) === true && top.path.at(-1) === name) found.push({ path: top.path, key });
      top?.keys?.add(key);
      if (top !== undefined) top.key = key;
    } else lastString = word;
  }
  return found;
}

function placeIn(frame: Frame | undefined): Path {
  if (frame === undefined) return [];
  return [...frame.path, frame.keys === undefined ? frame.index : frame.key];
}

function child(value: unknown, step: string | number): unknown {
  if (typeof step === "number") return Array.isArray(value) ? value[step] : undefined;
  // An object with unknown values is all that is claimed of it.
  return isJsonObject(value) ? (value as JsonObject)[step] : undefined;
}
