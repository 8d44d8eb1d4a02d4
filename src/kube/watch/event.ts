import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { jsonObjectIn } from "../client/json-object.ts";

/** One line of a watch, read (k8s.io/apimachinery pkg/watch, WatchEvent). */
export type WatchEvent =
  | {
    readonly kind: "there" | "gone";
    /** `namespace/name`, and `name` of what is in none. */
    readonly key: string;
    readonly uid: string;
    readonly version: string;
    /** The object as JSON, without `metadata.managedFields`, or what is kept of it. */
    readonly text: string;
  }
  /** Everything up to that version has been told. */
  | { readonly kind: "bookmark"; readonly version: string }
  /** What has changed since the version that was asked for is forgotten. */
  | { readonly kind: "expired" }
  | { readonly kind: "failed"; readonly problem: string };

/**
 * The event in a line, whatever the line is.
 *
 * @param kept  what of an object is wanted; absent: all
 */
export function parseWatchEvent(line: string, kept: (object: JsonObject) => JsonObject = (all) => all): WatchEvent {
  const event = jsonObjectIn(line);
  const { type, object } = event ?? {};
  if (!isJsonObject(object)) return failed(`it holds a line that is no event: ${JSON.stringify(line.slice(0, 80))}`);
  if (type === "ERROR") return parseFailure(object);
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const { namespace, name, uid, resourceVersion: version } = metadata;
  if (typeof version !== "string" || version === "") return failed(`an event ${shown(type)} of it has no version`);
  if (type === "BOOKMARK") return { kind: "bookmark", version };
  if (type !== "ADDED" && type !== "MODIFIED" && type !== "DELETED")
    return failed(`it holds an event ${shown(type)}, expected ADDED, MODIFIED, DELETED, BOOKMARK or ERROR`);
  if (typeof name !== "string" || typeof uid !== "string")
    return failed(`an object in an event ${shown(type)} of it has no name or uid`);
  const { managedFields: _, ...own } = metadata;
  return {
    kind: type === "DELETED" ? "gone" : "there", uid, version,
    key: typeof namespace === "string" ? `${namespace}/${name}` : name,
    text: type === "DELETED" ? "" : JSON.stringify(kept({ ...object, metadata: own })),
  };
}

/** The Status object of an ERROR. */
function parseFailure(status: JsonObject): WatchEvent {
  const { code, reason, message } = status;
  if (code === 410 || reason === "Expired" || reason === "Gone") return { kind: "expired" };
  return failed(`it said ${String(code)} ${JSON.stringify(message ?? reason ?? "")}`);
}

function failed(problem: string): WatchEvent {
  return { kind: "failed", problem };
}

function shown(type: unknown): string {
  return (JSON.stringify(type) ?? "without a type").slice(0, 40);
}
