/**
 * The objects of the API server that tests start, and what it answers about them: resourceVersions, conflicts, Status
 * objects and watches as the real one has them.
 */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

export type Json = Record<string, any>;

export interface Reply {
  readonly status: number;
  readonly body: Json;
}

export interface Resource {
  readonly plural: string;
  readonly group: string;
  readonly apiVersion: string;
  readonly kind: string;
}

export const resources: readonly Resource[] = [
  { plural: "pods", group: "", apiVersion: "v1", kind: "Pod" },
  { plural: "nodes", group: "", apiVersion: "v1", kind: "Node" },
  { plural: "events", group: "", apiVersion: "v1", kind: "Event" },
  { plural: "network-attachment-definitions", group: "k8s.cni.cncf.io", apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition" },
  { plural: "leaseblocks", group: "polynic.io", apiVersion: "polynic.io/v1", kind: "LeaseBlock" },
  ...[["resourceclaims", "ResourceClaim"], ["resourceslices", "ResourceSlice"]].map(([plural = "", kind = ""]) => ({
    plural, kind, group: "resource.k8s.io", apiVersion: "resource.k8s.io/v1" })),
  { plural: "ipamclaims", group: "k8s.cni.cncf.io", apiVersion: "k8s.cni.cncf.io/v1alpha1", kind: "IPAMClaim" },
  ...[["ippools", "IPPool"], ["overlappingrangeipreservations", "OverlappingRangeIPReservation"],
    ["nodeslicepools", "NodeSlicePool"]].map(([plural = "", kind = ""]) => ({ plural, kind,
    group: "whereabouts.cni.cncf.io", apiVersion: "whereabouts.cni.cncf.io/v1alpha1" })),
];

/** Those with a subresource of that name. */
const withStatus: ReadonlySet<string> = new Set(["pods", "ipamclaims"]);

export interface Change {
  readonly version: number;
  readonly plural: string;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Json;
}

export interface Place {
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

export class ObjectStore {
  /** All changes since the start, or since `compact`. */
  readonly changes: Change[] = [];
  onChange: (change: Change) => void = () => {};
  readonly #objects = new Map<string, Json>();
  #version = 1000;
  #oldestVersion = 0;

  get resourceVersion(): string {
    return String(this.#version);
  }

  /** Forgets history: a watch from before it is told 410. */
  compact(): void {
    this.changes.length = 0;
    this.#oldestVersion = this.#version;
  }

  isForgotten(version: number): boolean {
    return version < this.#oldestVersion;
  }

  find(resource: Resource, namespace: string, name: string): Json | undefined {
    return this.#objects.get(keyOf(resource, namespace, name));
  }

  list(resource: Resource, namespace?: string): Json[] {
    const start = `${resource.plural}/${namespace === undefined ? "" : `${namespace}/`}`;
    return [...this.#objects.entries()].filter(([key]) => key.startsWith(start)).map(([, object]) => object);
  }

  /** What an administrator does: creates or replaces without asking. */
  put(resource: Resource, object: Json): Json {
    const { namespace = "", name } = object["metadata"];
    const old = this.find(resource, namespace, name);
    return this.#save(resource, old === undefined ? "ADDED" : "MODIFIED", {
      apiVersion: resource.apiVersion, kind: resource.kind, ...object,
      metadata: { uid: old?.["metadata"].uid ?? randomUUID(),
        creationTimestamp: old?.["metadata"].creationTimestamp ?? now(), ...object["metadata"] },
    });
  }

  get({ resource, namespace, name }: Place): Reply {
    const object = this.find(resource, namespace, name);
    return object === undefined ? notFound(resource, name) : { status: 200, body: object };
  }

  create({ resource, namespace }: Place, object: Json): Reply {
    const metadata = object["metadata"] ?? {};
    if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
      return failure(400, "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request");
    }
    const name: string = metadata.name ?? (metadata.generateName === undefined ? ""
      : metadata.generateName + randomUUID().slice(0, 5));
    const problem = whyInvalid(resource, { object, namespace, name });
    if (problem !== undefined) return failure(422, "Invalid", `${resource.kind} "${name}" is invalid: ${problem}`,
      { name, kind: resource.kind });
    if (this.find(resource, namespace, name) !== undefined) {
      return failure(409, "AlreadyExists", `${qualified(resource)} "${name}" already exists`,
        detailsOf(resource, name));
    }
    const body = { apiVersion: resource.apiVersion, kind: resource.kind, ...object,
      metadata: { ...metadata, ...(namespace === "" ? {} : { namespace }), name, uid: randomUUID(),
        creationTimestamp: now() } };
    return { status: 201, body: this.#save(resource, "ADDED", body) };
  }

  replace({ resource, namespace, name, subresource }: Place, object: Json): Reply {
    const old = this.find(resource, namespace, name);
    if (old === undefined || (subresource === "status" && !withStatus.has(resource.plural)))
      return notFound(resource, name);
    const metadata = object["metadata"] ?? {};
    if (metadata.name !== name) return failure(400, "BadRequest",
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
    // Custom resources may not be replaced without it (apiextensions-apiserver, AllowUnconditionalUpdate: false).
    if (metadata.resourceVersion === undefined && resource.group !== "") {
      return failure(422, "Invalid", `${qualified(resource)} "${name}" is invalid: ` +
        "metadata.resourceVersion: Invalid value: 0: must be specified for an update", detailsOf(resource, name));
    }
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== old["metadata"].resourceVersion) {
      return failure(409, "Conflict",
        `Operation cannot be fulfilled on ${qualified(resource)} "${name}": the object has been modified; please ` +
          "apply your changes to the latest version and try again", detailsOf(resource, name));
    }
    if (metadata.uid !== undefined && metadata.uid !== old["metadata"].uid) {
      return failure(409, "Conflict",
        `Operation cannot be fulfilled on ${qualified(resource)} "${name}": Precondition failed: UID in precondition: ` +
          `${metadata.uid}, UID in object meta: ${old["metadata"].uid}`, detailsOf(resource, name));
    }
    const kept = { ...metadata, uid: old["metadata"].uid, creationTimestamp: old["metadata"].creationTimestamp,
      resourceVersion: old["metadata"].resourceVersion };
    const next = subresource === "status" && resource.plural !== "pods"
      // Of a custom resource the status alone.
      ? { ...old, status: object["status"] }
      : subresource === "status"
      // The status of a pod takes annotations and labels along, never the spec.
      ? { ...old, metadata: { ...old["metadata"], annotations: metadata.annotations, labels: metadata.labels },
        status: object["status"] }
      : { ...object, metadata: kept };
    if (isDeepStrictEqual(plain(next), old)) return { status: 200, body: old };
    return { status: 200, body: this.#save(resource, "MODIFIED", next) };
  }

  remove({ resource, namespace, name }: Place): Reply {
    const old = this.find(resource, namespace, name);
    if (old === undefined) return notFound(resource, name);
    this.#objects.delete(keyOf(resource, namespace, name));
    this.#tell(resource, "DELETED", { ...old, metadata: { ...old["metadata"],
      resourceVersion: String(++this.#version) } });
    return { status: 200, body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" } };
  }

  #save(resource: Resource, type: "ADDED" | "MODIFIED", object: Json): Json {
    const { namespace = "", name } = object["metadata"];
    const resourceVersion = String(++this.#version);
    const saved = plain({ ...object, metadata: { ...object["metadata"], resourceVersion } });
    this.#objects.set(keyOf(resource, namespace, name), saved);
    this.#tell(resource, type, saved);
    return saved;
  }

  #tell(resource: Resource, type: Change["type"], object: Json): void {
    const change = { version: this.#version, plural: resource.plural, type, object };
    this.changes.push(change);
    this.onChange(change);
  }
}

/** A Status object as the API's machinery makes it. */
export function failure(status: number, reason: string, message: string, details?: Json): Reply {
  return { status, body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason,
    ...(details === undefined ? {} : { details }), code: status } };
}

export function notFound(resource: Resource, name: string): Reply {
  return failure(404, "NotFound", `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));
}

function qualified({ plural, group }: Resource): string {
  return group === "" ? plural : `${plural}.${group}`;
}

function detailsOf({ plural, group }: Resource, name: string): Json {
  return { name, ...(group === "" ? {} : { group }), kind: plural };
}

/** A list in pages goes on from a version, which may be forgotten by then; its pages here are of today. */
export function pageOf(items: readonly Json[], query: URLSearchParams, store: ObjectStore) {
  const [from = 0, since = Number(store.resourceVersion)] = (query.get("continue") ?? "").split("@").filter(Boolean)
    .map(Number);
  const limit = Number(query.get("limit") ?? 0) || items.length, end = from + limit;
  return {
    problem: store.isForgotten(since) ? failure(410, "Expired",
      "The provided continue parameter is too old to display a consistent list result.") : undefined,
    page: items.slice(from, end),
    next: end < items.length ? { continue: `${end}@${since}`, remainingItemCount: items.length - end } : {},
  };
}

/** Whether an object is chosen by a request's field and label selectors. */
export function selected(query: URLSearchParams): (object: Json) => boolean {
  const fields = fieldsSelected(query), labels = labelsSelected(query.get("labelSelector") ?? "");
  return (object) => fields(object) && labels(object["metadata"].labels ?? {});
}

/** `a=b`, `a in (b,c)`, `a` and `!a`, with commas. */
function labelsSelected(selector: string): (labels: Readonly<Record<string, string>>) => boolean {
  const terms = [...selector.matchAll(/([^,=\s]+)(?:=([^,]*)| in \(([^)]*)\))?(?:,|$)/g)];
  return (labels) => terms.every(([, name = "", value, list]) => {
    const own = Object.hasOwn(labels, name) ? labels[name] : undefined;
    if (name.startsWith("!")) return !Object.hasOwn(labels, name.slice(1));
    if (value !== undefined) return own === value;
    return list === undefined ? own !== undefined : list.split(",").includes(own ?? "\0");
  });
}

function fieldsSelected(query: URLSearchParams): (object: Json) => boolean {
  const wanted = (query.get("fieldSelector") ?? "").split(",").filter((part) => part !== "")
    .map((part) => ({ parts: part.split(/!=|==?/), isNegated: part.includes("!=") }));
  return (object) => wanted.every(({ parts: [field = "", value], isNegated }) =>
    (String(field.split(".").reduce((inner, key) => inner?.[key], object)) === value) !== isNegated);
}

/** The few rules of validation that a client of events can break. */
function whyInvalid(resource: Resource, { object, namespace,
  name }: { object: Json; namespace: string; name: string }): string | undefined {
  if (name.length > 253 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name)) {
    return `metadata.name: Invalid value: "${name}": a lowercase RFC 1123 subdomain must consist of lower case ` +
      "alphanumeric characters, '-' or '.'";
  }
  if (resource.plural !== "events") return undefined;
  if (object["involvedObject"]?.namespace !== namespace) return "involvedObject.namespace: Invalid value: does not " +
    "match event.namespace";
  if (Buffer.byteLength(object["message"] ?? "") > 1024) return "note: Invalid value: can have at most 1024 characters";
  return undefined;
}

function keyOf(resource: Resource, namespace: string, name: string): string {
  return `${resource.plural}/${namespace}/${name}`;
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** As it comes over the wire. */
function plain(object: Json): Json {
  return JSON.parse(JSON.stringify(object));
}
