import type { WatchEvent } from "./event.ts";
import type { KeptLimits, KeptObject } from "./kept-objects.ts";
import { KeptObjects } from "./kept-objects.ts";

/** The version from which the API tells of everything that is there, and then of what changes. */
const fromTheStart = "0";

/** All objects of a kind, as a list had them. */
export interface Listed {
  /** The list's, `metadata.resourceVersion`. */
  readonly version: string;
  readonly objects: readonly (KeptObject & { readonly key: string })[];
}

/**
 * What one watch knows, and whether it may be used. Nothing here waits or looks at a clock.
 *
 * Versions are never compared: they only say where the same watch goes on. Where it cannot go on all is forgotten, so
 * that nothing stays that was deleted meanwhile.
 */
export class Watched {
  readonly objects: KeptObjects;
  readonly #silenceMs: number;
  /** Up to which everything has been told; undefined before the first bookmark, as what there is comes in no order. */
  #version: string | undefined;
  #isOpen = false;
  #heardMs: number;

  /** @param silenceMs  after which a watch that says nothing is taken for broken */
  constructor({ limits, silenceMs, nowMs }: { readonly limits: KeptLimits; readonly silenceMs: number;
    readonly nowMs: number }) {
    this.objects = new KeptObjects(limits);
    this.#silenceMs = silenceMs;
    this.#heardMs = nowMs;
  }

  /** The version to ask for. */
  begin(): string {
    if (this.#version === undefined) this.objects.clear();
    return this.#version ?? fromTheStart;
  }

  /** What a list has shown, and from where a watch goes on. */
  seed({ version, objects }: Listed): void {
    this.objects.clear();
    for (const { key, ...object } of objects) this.objects.set(key, object);
    this.#version = version;
  }

  /** Whether all that there is is known, as it was at some time. */
  get isWhole(): boolean { return this.#version !== undefined; }

  opened(nowMs: number): void {
    this.#isOpen = true;
    this.#heardMs = nowMs;
  }

  closed(): void {
    this.#isOpen = false;
  }

  /** Anything at all has come. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /** Takes an event in; of one that says that the watch cannot go on, everything is forgotten. */
  apply(event: WatchEvent): void {
    switch (event.kind) {
      case "there":
        this.objects.set(event.key, { uid: event.uid, text: event.text });
        this.#follow(event.version);
        break;
      case "gone":
        this.objects.delete(event.key);
        this.#follow(event.version);
        break;
      case "bookmark":
        this.#version = event.version;
        break;
      case "expired":
        this.forget();
        break;
      case "failed": break;
    }
  }

  /** It cannot go on from where it was. */
  forget(): void {
    this.#version = undefined;
    this.objects.clear();
  }

  /** An object as it was told last; undefined where the watch is not to be relied on. */
  get(key: string, nowMs: number): KeptObject | undefined {
    return this.isFresh(nowMs) ? this.objects.get(key) : undefined;
  }

  isFresh(nowMs: number): boolean {
    return this.#isOpen && this.silentMs(nowMs) <= this.#silenceMs;
  }

  /** For how long nothing has been heard: what is known may be as old. */
  silentMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#heardMs);
  }

  #follow(version: string): void {
    if (this.#version !== undefined) this.#version = version;
  }
}
