/** The watches of a test's API server: what they tell, and what a test has them do. */
import type { ServerResponse } from "node:http";
import type { Change, Json, ObjectStore, Place } from "../api-server-store.ts";
import { failure, selected } from "../api-server-store.ts";

/** What a test may do with them. */
export interface WatchCalls {
  /** Changes of `pods`, or `network-attachment-definitions`, are told no more, as by a server that is behind. */
  holdWatches(plural: string): Promise<void>;
  /** They are told, in order. */
  releaseWatches(): Promise<void>;
  /** Every watch hears how far it is told. */
  bookmark(): Promise<void>;
  /** Every watch hears exactly that. */
  sayToWatches(text: string): Promise<void>;
  /** As a server ends them after a while. */
  endWatches(): Promise<void>;
  /** How many there are. */
  countWatches(plural: string): Promise<number>;
}

export function watchCalls(call: <T>(name: string, ...args: unknown[]) => Promise<T>): WatchCalls {
  return {
    holdWatches: (plural) => call("holdWatches", plural), releaseWatches: () => call("releaseWatches"),
    bookmark: () => call("bookmark"), sayToWatches: (text) => call("sayToWatches", text),
    endWatches: () => call("endWatches"), countWatches: (plural) => call("countWatches", plural),
  };
}

interface OneWatch {
  readonly place: Place;
  readonly response: ServerResponse;
  tell(change: Change): void;
  bookmark(): void;
}

export class Watches {
  readonly #store: ObjectStore;
  readonly #open = new Set<OneWatch>();
  readonly #heldPlurals = new Set<string>();
  readonly #held: Change[] = [];

  constructor(store: ObjectStore) {
    this.#store = store;
    store.onChange = (change) => {
      if (this.#heldPlurals.has(change.plural)) this.#held.push(change);
      else this.#tell(change);
    };
  }

  /** What has changed since the version asked for, or all that is there, then every change as it happens. */
  open(place: Place, query: URLSearchParams, response: ServerResponse): void {
    const one = this.#watchOf(place, query, response), store = this.#store;
    response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
    const since = query.get("resourceVersion") ?? "";
    if (since !== "" && since !== "0" && store.isForgotten(Number(since))) {
      const { body } = failure(410, "Expired", `too old resource version: ${since} (${store.resourceVersion})`);
      return void response.end(lineOf("ERROR", body));
    }
    const { plural } = place.resource;
    if (since === "" || since === "0") for (const object of store.list(place.resource)) one.tell({ version: 0,
      plural, type: "ADDED", object });
    else store.changes.filter(({ version }) => version > Number(since)).forEach(one.tell);
    if (query.get("allowWatchBookmarks") === "true") one.bookmark();
    this.#open.add(one);
    const seconds = Number(query.get("timeoutSeconds") ?? 0);
    const timer = seconds > 0 ? setTimeout(() => response.end(), seconds * 1000) : undefined;
    response.on("close", () => {
      this.#open.delete(one);
      clearTimeout(timer);
    });
  }

  hold(plural: string): void {
    this.#heldPlurals.add(plural);
  }

  release(): void {
    this.#heldPlurals.clear();
    for (const change of this.#held.splice(0)) this.#tell(change);
  }

  bookmark(): void {
    for (const one of this.#open) one.bookmark();
  }

  say(text: string): void {
    for (const { response } of this.#open) response.write(text);
  }

  end(): void {
    for (const { response } of this.#open) response.end();
  }

  count(plural: string): number {
    return [...this.#open].filter(({ place }) => place.resource.plural === plural).length;
  }

  #watchOf(place: Place, query: URLSearchParams, response: ServerResponse): OneWatch {
    const matches = selected(query), { resource, namespace } = place;
    const told = new Set<string>();
    return {
      place, response,
      tell({ plural, type, object }) {
        const { metadata } = object, key = `${metadata.namespace}/${metadata.name}`;
        if (plural !== resource.plural || (namespace !== "" && metadata.namespace !== namespace)) return;
        // What is not chosen any more is gone, as far as this watch goes; what was told is not told to have come.
        const isChosen = type !== "DELETED" && matches(object), wasTold = told.has(key);
        if (isChosen) {
          told.add(key);
          response.write(lineOf(wasTold ? "MODIFIED" : type, object));
        } else if (told.delete(key) || (type === "DELETED" && matches(object))) {
          response.write(lineOf("DELETED", object));
        }
      },
      bookmark: () => void response.write(lineOf("BOOKMARK", { kind: resource.kind, apiVersion: resource.apiVersion,
        metadata: { resourceVersion: this.#store.resourceVersion } })),
    };
  }

  #tell(change: Change): void {
    for (const one of this.#open) one.tell(change);
  }
}

function lineOf(type: string, object: Json): string {
  return `${JSON.stringify({ type, object })}\n`;
}
