/**
 * What ADD writes down before it lets anything through with iptables or firewalld, whose rules and sources do not tell
 * whose they are: by it DEL finds them without a result, and GC at all.
 */
import { parseJsonObject } from "../../cni/index.ts";
import type { Address } from "../../net/index.ts";
import { parsePrefix } from "../../net/index.ts";
import type { AddContext, Handles, ValidAttachment } from "../contract/plugin.ts";
import type { RuleOwner } from "../packet-rules/attachment-comment.ts";
import { hostText } from "./conf.ts";

/** Of one attachment. */
export interface Note {
  readonly addresses: readonly Address[];
  /** Where the addresses may be bound; undefined where no zone was asked for. */
  readonly zone?: string;
}

/** Beside tuning's: what is let through does not outlive the boot, either. */
const directory = "/run/cni/firewall";

/** Notes it, beside what an earlier ADD of the attachment has; registers its own undo. */
export function writeNote(
  owner: RuleOwner, { addresses, zone }: Note, { attachmentFiles, undo }: Pick<AddContext, "attachmentFiles" | "undo">,
): void {
  const files = attachmentFiles(directory), before = files.load(owner);
  undo.add("forget what was let through", () => (
    before === undefined ? files.remove(owner) : files.save(owner, before)));
  const all = allOf(addresses, parseNote(before, owner.network)?.addresses ?? []);
  files.save(owner, JSON.stringify({ network: owner.network, addresses: all.map(hostText), zone }));
}

/** undefined where there is none of this network, or it cannot be read. */
export function loadNote(owner: RuleOwner, { attachmentFiles }: Pick<Handles, "attachmentFiles">): Note | undefined {
  return parseNote(attachmentFiles(directory).load(owner), owner.network);
}

export function removeNote(owner: RuleOwner, { attachmentFiles }: Pick<Handles, "attachmentFiles">): void {
  attachmentFiles(directory).remove(owner);
}

/** Each address once. */
export function allOf(...lists: readonly (readonly Address[])[]): readonly Address[] {
  return [...new Map(lists.flat().map((address) => [hostText(address), address])).values()];
}

/** A note of an attachment that is not valid any more, without the addresses that somebody else has by now. */
export interface StaleNote extends Note {
  remove(): void;
}

/**
 * Notes of a network's attachments that are not valid. None as long as an attachment without a note is: another
 * program, or an older release, has made it, and may have been given an address that a stale note still names.
 */
export function staleNotes(
  network: string, valid: readonly ValidAttachment[], { attachmentFiles }: Pick<Handles, "attachmentFiles">,
): readonly StaleNote[] {
  const files = attachmentFiles(directory).list();
  const owners = valid.map(({ containerID, ifname }) => ({ containerId: containerID, ifName: ifname }));
  if (owners.some((owner) => !files.some((file) => file.isOf(owner)))) return [];
  const notes = files.flatMap((file) => {
    const note = parseNote(file.text);
    return note === undefined ? [] : [{ ...note, file }];
  });
  const isStale = (one: (typeof notes)[number]): boolean =>
    one.network === network && !owners.some((owner) => one.file.isOf(owner));
  const taken = new Set(notes.filter((one) => !isStale(one)).flatMap(({ addresses }) => addresses.map(hostText)));
  return notes.filter(isStale).map(({ addresses, zone, file }) => ({
    addresses: addresses.filter((address) => !taken.has(hostText(address))),
    ...(zone === undefined ? {} : { zone }),
    remove: () => file.remove(),
  }));
}

interface WrittenNote extends Note {
  readonly network: string;
}

/** @param network  the only one that counts; any unless given */
function parseNote(text: string | undefined, network?: string): WrittenNote | undefined {
  if (text === undefined) return undefined;
  try {
    const json = parseJsonObject(text, "the note");
    if (typeof json["network"] !== "string" || !Array.isArray(json["addresses"])) return undefined;
    if (network !== undefined && json["network"] !== network) return undefined;
    const texts = json["addresses"].filter((one) => typeof one === "string");
    return {
      network: json["network"], addresses: texts.map((one) => parsePrefix(one).address),
      ...(typeof json["zone"] === "string" ? { zone: json["zone"] } : {}),
    };
  } catch {
    return undefined;
  }
}
