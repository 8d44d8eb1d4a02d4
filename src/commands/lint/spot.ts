import type { YamlDocument, YamlPosition, YamlStep } from "../../kube/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/** A place in a file that something can be said about. */
export interface Spot {
  readonly file: string;
  /** The way to it in words: `spec.config.plugins[0].mode`; "" for a whole document. */
  readonly path: string;
  /** Its own, or that of the nearest thing around it that is there. */
  readonly position: YamlPosition;
  /** Further in; keys in any case. */
  at(...steps: readonly YamlStep[]): Spot;
  /** The place of a character of the string that is here. */
  character(index: number): Spot;
  /** Into the document that the string here holds; stays here when it holds none. */
  inside(): Spot;
}

export function spotOf(file: string, document: YamlDocument, steps: readonly YamlStep[] = [], outer = ""): Spot {
  const actual = spelled(document.value, steps);
  return {
    file,
    path: pathWords(outer, actual),
    get position() { return nearest(document, actual); },
    at: (...more) => spotOf(file, document, [...actual, ...more], outer),
    character: (index) =>
      fixed(file, pathWords(outer, actual), document.positionIn(actual, index) ?? nearest(document, actual)),
    inside() {
      const inner = document.inside(actual);
      return inner === undefined
        ? spotOf(file, document, actual, outer)
        : spotOf(file, inner, [], pathWords(outer, actual));
    },
  };
}

/** A place without anything in it. */
export function fixed(file: string, path: string, position: YamlPosition): Spot {
  const here: Spot = { file, path, position, at: () => here, character: () => here, inside: () => here };
  return here;
}

/** `a.b[0]["c.d/e"]`, after what leads to it. */
function pathWords(outer: string, steps: readonly YamlStep[]): string {
  return steps.reduce<string>((words, step) => {
    if (typeof step === "number") return `${words}[${step}]`;
    if (!/^[\w-]+$/.test(step)) return `${words}[${JSON.stringify(step)}]`;
    return words === "" ? step : `${words}.${step}`;
  }, outer);
}

function nearest(document: YamlDocument, steps: readonly YamlStep[]): YamlPosition {
  for (let count = steps.length; count >= 0; count--) {
    const position = document.positionOf(steps.slice(0, count));
    if (position !== undefined) return position;
  }
  return { line: 1, column: 1 };
}

/** The steps with keys as the value spells them. */
function spelled(value: unknown, steps: readonly YamlStep[]): readonly YamlStep[] {
  let here = value;
  return steps.map((step) => {
    const key = isJsonObject(here) && typeof step === "string" && !Object.hasOwn(here, step)
      ? Object.keys(here).findLast((name) => name.toLowerCase() === step.toLowerCase()) ?? step : step;
    if (Array.isArray(here)) here = here[Number(key)];
    else here = isJsonObject(here) ? here[key] : undefined;
    return key;
  });
}
