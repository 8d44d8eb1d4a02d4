import type { SelectionReading } from "../../nad/index.ts";
import { annotation, isJsonForm, readSelections, selectionKeys } from "../../nad/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Report } from "./finding.ts";
import type { ManifestObject } from "./manifest.ts";
import type { PlacedSelection } from "./requests.ts";
import type { Spot } from "./spot.ts";
import { reportUnknown } from "./unknown-keys.ts";

/** What an annotation asks for, with places. */
export interface PlacedSelections {
  readonly list: readonly PlacedSelection[];
  /** Every element could be read. */
  readonly whole: boolean;
  readonly spot: Spot;
}

export interface AnnotationContext {
  /** Of elements that name none. */
  readonly namespace: string;
  readonly strict: boolean;
  readonly report: Report;
}

/** What a pod asks for networks with. */
const asking = [annotation.networks, annotation.defaultNetwork];

/** Whether it has an annotation about networks. */
export function asksForNetworks({ object }: ManifestObject): boolean {
  return asking.some((key) => annotationsOf(object)[key] !== undefined);
}

/** Says that an annotation is where no one looks for it. */
export function checkMisplaced({ object, spot }: ManifestObject, report: Report): void {
  for (const key of asking.filter((name) => annotationsOf(object)[name] !== undefined)) {
    report(
      "warning",
      annotationSpot(spot, key),
      "it is on an object that is no pod, where nobody reads it: expected it on the pod, or in the pod template's " +
        "metadata",
    );
  }
}

/** Checks one annotation of a pod by itself; undefined when it asks for nothing. */
export function selectionsAt(
  pod: ManifestObject,
  key: string,
  context: AnnotationContext,
): PlacedSelections | undefined {
  const text = annotationsOf(pod.object)[key];
  if (text === undefined || text === null) return undefined;
  const spot = annotationSpot(pod.spot, key);
  if (typeof text !== "string") {
    context.report(
      "error",
      spot,
      `it is ${JSON.stringify(text)?.slice(0, shownChars)}, expected a string: put it into quotes or a block`,
    );
    return undefined;
  }
  if (text === "") return undefined;
  const place = (path: Path): Spot => placeIn(text, spot, path);
  const { selections, indexes, problems } = reportProblems(text, spot, context);
  const isList = problems.every(({ path }) => path.length > 0);
  if (isJsonForm(text) && isList) reportForeignKeys(JSON.parse(text), spot.inside(), context.report);
  const list = selections.map((selection, position) => {
    const index = indexes[position] ?? 0;
    return { selection, index, spot: place([index]) };
  });
  return { spot, whole: problems.length === 0, list };
}

type Path = readonly (string | number)[];

/**
 * What every ADD refuses is an error; what only the specification does, and polynic unless it is told otherwise, a
 * warning.
 */
function reportProblems(text: string, spot: Spot, { namespace, strict, report }: AnnotationContext): SelectionReading {
  const loose = readSelections(text, { namespace, strict: false }),
    exact = readSelections(text, { namespace, strict: true });
  for (const { path, offset, text: problem } of loose.problems) {
    report("error", offset === undefined ? placeIn(text, spot, path) : spot.character(offset), problem);
  }
  const known = new Set(loose.problems.map(({ path }) => JSON.stringify(path)));
  for (const { path, text: problem } of exact.problems) {
    // Default routes that cannot all be had are refused by everybody, and told where all networks are known.
    if (path.length === 0 || known.has(JSON.stringify(path))) continue;
    report(
      strict ? "error" : "warning",
      placeIn(text, spot, path),
      `${problem} (Multus takes it, polynic only with "strictSelections": false)`,
    );
  }
  return loose;
}

function placeIn(text: string, spot: Spot, path: Path): Spot {
  if (path.length === 0) return spot;
  return isJsonForm(text) ? spot.inside().at(...path) : spot.character(itemStart(text, Number(path[0])));
}

/** Where an item of the comma form begins. */
function itemStart(text: string, index: number): number {
  const before = text.split(",").slice(0, index).map((item) => `${item},`).join("").length;
  return before + (/^\s*/.exec(text.slice(before))?.[0].length ?? 0);
}

function reportForeignKeys(elements: unknown, spot: Spot, report: Report): void {
  if (!Array.isArray(elements)) return;
  const known = new Set(selectionKeys.map((key) => key.toLowerCase()));
  elements.forEach((element: unknown, index) => {
    if (!isJsonObject(element)) return;
    for (const key of Object.keys(element).filter((name) => !known.has(name.toLowerCase())))
      reportUnknown(key, selectionKeys, spot.at(index), report);
  });
}

/** How much of a value that is no string a message repeats. */
const shownChars = 60;

function annotationsOf({ metadata }: ManifestObject["object"]): Readonly<Record<string, unknown>> {
  const annotations = isJsonObject(metadata) ? metadata["annotations"] : undefined;
  return isJsonObject(annotations) ? annotations : {};
}

function annotationSpot(spot: Spot, key: string): Spot {
  return spot.at("metadata", "annotations", key);
}
