import type { IsolationRule } from "../../nad/index.ts";
import { annotation, planGateways, refuseForeignNamespace } from "../../nad/index.ts";
import { selectionsAt } from "./annotation.ts";
import type { CheckedDefinition } from "./definition.ts";
import type { Report } from "./finding.ts";
import type { ManifestObject } from "./manifest.ts";
import { refused } from "./network.ts";
import type { PlacedSelection } from "./requests.ts";
import { checkRequests } from "./requests.ts";

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
  const { report, strict, isolation, definitions, multusNamespace } = context;
  const instead = selectionsAt(pod, annotation.defaultNetwork, { report, strict, namespace: multusNamespace });
  if (instead !== undefined && instead.list.length !== 1 && instead.whole) {
    report(
      "error",
      instead.spot,
      `it names ${instead.list.length === 0 ? "no network" : "more than one network"}, expected exactly one`,
    );
  }
  const asked = selectionsAt(pod, annotation.networks, { report, strict, namespace: pod.namespace });
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
  const gateways = all.map(({ selection }) => selection.defaultRoute),
    names = all.map(({ selection }) => selection.name);
  const planned = refused({}, asked.spot, report, () => planGateways(gateways, names));
  for (const placed of planned === undefined ? [] : asked.list) noteDefaultRoute(placed, report);
}

/** Who comes from Multus has such pods, and they have worked with the default network's route until now. */
function noteDefaultRoute({ selection: { defaultRoute = [] }, spot }: PlacedSelection, report: Report): void {
  if (defaultRoute.length === 0) return;
  report(
    "note",
    spot.at("default-route"),
    `the pod's default route leaves the default network for ${defaultRoute.join(" and ")}, as it asks (Multus up to ` +
      "4.3 leaves it where it is)",
  );
}

/** Interface names as they come out when the node has no networks of its own beside the default one. */
function checkNames(list: readonly PlacedSelection[], first: PlacedSelection | undefined, report: Report): void {
  const names = [
    first?.selection.ifName ?? defaultInterface,
    ...list.map(({ selection, index }) => selection.ifName ?? `net${index + 1}`),
  ];
  list.forEach(({ spot, selection }, position) => {
    const name = names[position + 1] ?? "", before = names.indexOf(name);
    if (before > position) return;
    const owner = before === 0 ? "the default network" : `"${list[before - 1]?.selection.name ?? ""}"`;
    report(
      "error",
      selection.ifName === undefined ? spot : spot.at("interface"),
      `"${selection.name}" gets interface "${name}", which ${owner} has already: expected one name per network`,
    );
  });
}

const defaultInterface = "eth0";

/** Every copy would ask for the same address. */
function checkCopies({ selection, spot }: PlacedSelection, copies: number, report: Report): void {
  if (copies < 2) return;
  const number = Number.isFinite(copies) ? `${copies} pods` : "a pod on every node";
  for (const [key, value] of [
    ["ips", selection.ips],
    ["mac", selection.mac],
    ["infiniband-guid", selection.infinibandGuid],
  ] as const) {
    if (value !== undefined)
      report("warning", spot.at(key), `it is asked for by ${number} of one template, but only one can have it`);
  }
}

function checkDefined(
  placed: PlacedSelection,
  definitions: PodContext["definitions"],
  report: Report,
  isDefault: boolean,
): void {
  const {
    selection: { namespace, name },
    spot,
  } = placed;
  const definition = definitions.get(`${namespace}/${name}`);
  if (definition !== undefined) {
    checkRequests(placed, definition, { report, isDefault });
    return;
  }
  if (definitions.has(`${namespace}/${name}`)) return;
  const elsewhere = [...definitions.keys()].find((key) => key.endsWith(`/${name}`));
  if (elsewhere !== undefined)
    report(
      "warning",
      spot,
      `network "${namespace}/${name}" is not among these files, but "${elsewhere}" is: expected "namespace" where it ` +
        "is meant",
    );
}
