import { isJsonObject } from "../../cni/index.ts";
import type { IsolationRule } from "../../nad/index.ts";
import { annotation, planGateways, readSelections, refuseForeignNamespace, selectionKeys } from "../../nad/index.ts";
import type { CheckedDefinition } from "./definition.ts";
import type { Report } from "./finding.ts";
import type { ManifestObject } from "./manifest.ts";
import { refused } from "./network.ts";
import type { PlacedSelection } from "./requests.ts";
import { checkRequests } from "./requests.ts";
import type { Spot } from "./spot.ts";
import { reportUnknown } from "./unknown-keys.ts";

export interface PodContext {
  readonly report: Report;
  readonly strict: boolean;
  readonly isolation: Pick<IsolationRule, "isolated" | "globalNamespaces">;
  /** Namespace of a default-network annotation that names none. */
  readonly multusNamespace: string;
  /** The definitions among the files by `namespace/name`; undefined for one that no pod could use. */
  readonly definitions: ReadonlyMap<string, CheckedDefinition | undefined>;
}

/** Checks what a pod, or the pods of a template, ask for. */
export function checkPod(pod: ManifestObject, context: PodContext): void {
  const { report, isolation, definitions, multusNamespace } = context;
  const instead = selectionsAt(pod, annotation.defaultNetwork, multusNamespace, context);
  if (instead !== undefined && instead.list.length !== 1 && instead.whole) {
    report("error", instead.spot, `it names ${instead.list.length === 0 ? "no network" : "more than one network"}, expected exactly one`);
  }
  const asked = selectionsAt(pod, annotation.networks, pod.namespace, context);
  for (const { selection, spot } of asked?.list ?? []) {
    refused({}, spot, report, () => refuseForeignNamespace(selection, { ...isolation, podNamespace: pod.namespace }));
  }
  const first = instead?.list[0];
  for (const placed of [...instead?.list ?? [], ...asked?.list ?? []]) {
    checkCopies(placed, pod.copies, report);
    checkDefined(placed, definitions, report, placed === first);
  }
  if (asked === undefined) return;
  checkNames(asked.list, first, report);
  // The default network's own wish counts as well, once the pod asks for others.
  const all = first === undefined ? asked.list : [first, ...asked.list];
  refused({}, asked.spot, report, () => void planGateways(all.map(({ selection }) => selection.defaultRoute), all.map(({ selection }) => selection.name)));
}

/** What a pod asks for networks with. */
const asking = [annotation.networks, annotation.defaultNetwork];

/** An annotation that is where no one looks for it. */
export function checkMisplaced({ object, spot }: ManifestObject, report: Report): void {
  for (const key of asking) {
    if (annotationsOf(object)[key] !== undefined) report("warning", annotationSpot(spot, key), "it is on an object that is no pod, where nobody reads it: expected it on the pod, or in the pod template's metadata");
  }
}

interface Placed {
  readonly list: readonly PlacedSelection[];
  /** Every element could be read. */
  readonly whole: boolean;
  readonly spot: Spot;
}

function selectionsAt(pod: ManifestObject, key: string, namespace: string, { report, strict }: PodContext): Placed | undefined {
  const text = annotationsOf(pod.object)[key];
  if (text === undefined || text === null) return undefined;
  const spot = annotationSpot(pod.spot, key);
  if (typeof text !== "string") {
    report("error", spot, `it is ${JSON.stringify(text)?.slice(0, shownChars)}, expected a string: put it into quotes or a block`);
    return undefined;
  }
  if (text.trim() === "") return undefined;
  const loose = readSelections(text, { namespace, strict: false }), exact = readSelections(text, { namespace, strict: true });
  const isJson = /[[{"]/.test(text);
  const element = (path: readonly (string | number)[]): Spot => isJson ? spot.inside().at(...path) : spot.character(itemStart(text, Number(path[0] ?? 0)));
  const known = new Set(loose.problems.map(({ path }) => JSON.stringify(path)));
  const placeOf = (path: readonly (string | number)[], offset: number | undefined): Spot => {
    if (offset !== undefined) return spot.character(offset);
    return path.length === 0 ? spot : element(path);
  };
  for (const { path, offset, text: problem } of loose.problems) report("error", placeOf(path, offset), problem);
  for (const { path, text: problem } of exact.problems) {
    // Default routes that cannot all be had are refused by everybody, and told where all networks are known.
    if (path.length > 0 && !known.has(JSON.stringify(path))) report(strict ? "error" : "warning", element(path), `${problem} (Multus takes it, polynic only with "strictSelections": false)`);
  }
  if (isJson && loose.problems.every(({ path }) => path.length > 0)) reportForeignKeys(JSON.parse(text), spot.inside(), report);
  const list = loose.selections.map((selection, position) => {
    const index = loose.indexes[position] ?? 0;
    return { selection, index, spot: element([index]) };
  });
  return { spot, whole: loose.problems.length === 0, list };
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
    for (const key of Object.keys(element).filter((name) => !known.has(name.toLowerCase()))) reportUnknown(key, selectionKeys, spot.at(index), report);
  });
}

/** Interface names as they come out when the node has no networks of its own beside the default one. */
function checkNames(list: readonly PlacedSelection[], first: PlacedSelection | undefined, report: Report): void {
  const names = [first?.selection.ifName ?? defaultInterface, ...list.map(({ selection, index }) => selection.ifName ?? `net${index + 1}`)];
  list.forEach(({ spot, selection }, position) => {
    const name = names[position + 1] ?? "", before = names.indexOf(name);
    if (before > position) return;
    const owner = before === 0 ? "the default network" : `"${list[before - 1]?.selection.name ?? ""}"`;
    report("error", selection.ifName === undefined ? spot : spot.at("interface"), `"${selection.name}" gets interface "${name}", which ${owner} has already: expected one name per network`);
  });
}

const defaultInterface = "eth0";
const shownChars = 60;

/** Every copy would ask for the same address. */
function checkCopies({ selection, spot }: PlacedSelection, copies: number, report: Report): void {
  if (copies < 2) return;
  const number = Number.isFinite(copies) ? `${copies} pods` : "a pod on every node";
  for (const [key, value] of [["ips", selection.ips], ["mac", selection.mac], ["infiniband-guid", selection.infinibandGuid]] as const) {
    if (value !== undefined) report("warning", spot.at(key), `it is asked for by ${number} of one template, but only one can have it`);
  }
}

function checkDefined(placed: PlacedSelection, definitions: PodContext["definitions"], report: Report, isDefault: boolean): void {
  const { selection: { namespace, name }, spot } = placed;
  const definition = definitions.get(`${namespace}/${name}`);
  if (definition !== undefined) {
    checkRequests(placed, definition, { report, isDefault });
    return;
  }
  if (definitions.has(`${namespace}/${name}`)) return;
  const elsewhere = [...definitions.keys()].find((key) => key.endsWith(`/${name}`));
  if (elsewhere !== undefined) report("warning", spot, `network "${namespace}/${name}" is not among these files, but "${elsewhere}" is: expected "namespace" where it is meant`);
}

/** Whether it has an annotation about networks. */
export function asksForNetworks({ object }: ManifestObject): boolean {
  return asking.some((key) => annotationsOf(object)[key] !== undefined);
}

function annotationsOf({ metadata }: ManifestObject["object"]): Readonly<Record<string, unknown>> {
  const annotations = isJsonObject(metadata) ? metadata["annotations"] : undefined;
  return isJsonObject(annotations) ? annotations : {};
}

function annotationSpot(spot: Spot, key: string): Spot {
  return spot.at("metadata", "annotations", key);
}
