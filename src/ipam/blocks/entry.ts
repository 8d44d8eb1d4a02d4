import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Owner } from "../leases.ts";
import { claimKey } from "../leases.ts";

/** What an engine keeps for one address. */
export type Entry = ActiveEntry | HeldEntry | LeftEntry | UnreadableEntry;

export interface ActiveEntry {
  readonly state: "active";
  readonly owner: Owner;
  /** Another one whenever somebody writes the entry anew. */
  readonly ticket: string;
  /** When it was made, milliseconds since 1970 by the clock of the owner's node. */
  readonly atMs: number;
}

/** Nobody's, and kept for an owner key: see `ownerKeyOf`. */
export interface HeldEntry {
  readonly state: "held";
  readonly key: string;
  /** `withoutEnd`: it is over when somebody takes it away, and gives way to nobody. */
  readonly untilMs: number;
  readonly atMs: number;
}

/** The largest whole number that JSON keeps. */
export const withoutEnd = Number.MAX_SAFE_INTEGER;

/** Free; the owner key had it last, and gets it again while it is. */
export interface LeftEntry {
  readonly state: "left";
  readonly key: string;
  readonly atMs: number;
}

/** Somebody else wrote it, or an hand edited it: it is given to nobody and taken away by nobody. */
export interface UnreadableEntry {
  readonly state: "unreadable";
}

/** The owner key by which an entry is found; undefined where nobody looks for it so. */
export function keyOf(entry: Entry): string | undefined {
  if (entry.state === "held" || entry.state === "left") return entry.key;
  return entry.state === "active" && entry.owner.claim !== undefined ? claimKey(entry.owner.claim) : undefined;
}

/** `{"owner": {...}, "ticket": "...", "at": 1}`, `{"held": "KEY", "until": 1, "at": 1}`, `{"left": "KEY", "at": 1}`. */
export function entryToJson(entry: Exclude<Entry, UnreadableEntry>): JsonObject {
  switch (entry.state) {
    case "active": {
      const { containerId, ifName, node, bootId, pod, network, claim } = entry.owner;
      const owner = { containerId, ifName, node, bootId, ...(network === undefined ? {} : { network }),
        ...(claim === undefined ? {} : { claim }), ...(pod === undefined ? {} : { pod: { ...pod } }) };
      return { owner, ticket: entry.ticket, at: entry.atMs };
    }
    case "held":
      return { held: entry.key, until: entry.untilMs, at: entry.atMs };
    case "left":
      return { left: entry.key, at: entry.atMs };
  }
}

export function entryFromJson(json: unknown): Entry {
  if (!isJsonObject(json)) return unreadable;
  const { owner, ticket, at, held, until, left } = json;
  // Who says two things may have both: whoever has the address keeps it.
  if ([owner, held, left].filter((one) => one !== undefined).length !== 1) return unreadable;
  const atMs = typeof at === "number" ? at : 0;
  if (typeof held === "string" && typeof until === "number") return { state: "held", key: held, untilMs: until, atMs };
  if (typeof left === "string") return { state: "left", key: left, atMs };
  const known = ownerFromJson(owner);
  if (known === undefined || typeof ticket !== "string") return unreadable;
  return { state: "active", owner: known, ticket, atMs };
}

export const unreadable: UnreadableEntry = { state: "unreadable" };

function ownerFromJson(json: unknown): Owner | undefined {
  if (!isJsonObject(json)) return undefined;
  const { containerId, ifName, node, bootId, pod, network, claim } = json;
  if (![containerId, ifName, node, bootId].every((one) => typeof one === "string")) return undefined;
  const named = podFromJson(pod);
  // Strings all, by the line above.
  const owner = { containerId, ifName, node, bootId } as Pick<Owner, "containerId" | "ifName" | "node" | "bootId">;
  const ofNetwork = typeof network === "string" ? { network } : {};
  const ofClaim = typeof claim === "string" ? { claim } : {};
  return { ...owner, ...ofNetwork, ...ofClaim, ...(named === undefined ? {} : { pod: named }) };
}

function podFromJson(json: unknown): Owner["pod"] {
  if (!isJsonObject(json)) return undefined;
  const { namespace, name, uid } = json;
  if (typeof namespace !== "string" || typeof name !== "string") return undefined;
  return { namespace, name, uid: typeof uid === "string" ? uid : "" };
}
