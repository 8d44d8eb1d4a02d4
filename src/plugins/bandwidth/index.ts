/**
 * bandwidth: limits what the container may receive and send by the interface that a plugin before it made, a veth.
 *
 * ADD    puts a token bucket at the host's end for what the container receives; what it sends is led to a link of kind
 *        ifb, which has a bucket of its own.
 * DEL    deletes that link; already gone is success. The rest goes with the host's end.
 * CHECK  compares both buckets with the configuration.
 * GC     deletes those links of attachments that are no longer valid, by their alias.
 * Refuses (7) a rate without burst or a burst without rate, and an interface that is no veth of prevResult's.
 *                                                     Source: linux/pkt_sched.h, linux/tc_act/tc_mirred.h
 */
import type { Result } from "../../cni/index.ts";
import { CniError, code, confSchema, versionsFrom } from "../../cni/index.ts";
import type { Link, Namespace, QdiscPlace, TokenBucket } from "../../kernel/index.ts";
import { definePlugin } from "../contract/define.ts";
import { hasErrno } from "../contract/errno.ts";
import type { AddContext, Handles } from "../contract/plugin.ts";
import type { RuleOwner } from "../packet-rules/attachment-comment.ts";
import { attachmentComment, networkHash } from "../packet-rules/attachment-comment.ts";
import { sha512Hex } from "../packet-rules/sha512.ts";
import { chainedResult } from "../interface/chained.ts";
import { broken, requirePrevResult } from "../interface/check.ts";
import { deleteLinkNamed } from "../interface/delete.ts";
import { shapingOf } from "./shaping.ts";

export const bandwidth = definePlugin({
  type: "bandwidth",
  versions: versionsFrom("0.3.0"),
  schema: confSchema("bandwidth"),
  ipam: "none",
  isChained: true,

  read: ({ conf }) => shapingOf(conf, conf.runtimeConfig?.bandwidth),

  async add({ attachment, network, plan: { ingress, egress }, prevResult }, context) {
    const result = chainedResult(prevResult, "bandwidth", network);
    if (ingress === undefined && egress === undefined) return result;
    const { host, undo } = context, hostEnd = hostEndOf(attachment.ifName, result, context);
    if (ingress !== undefined) {
      limit(host, hostEnd, ingress);
      undo.add(`take the limit off "${hostEnd.name}"`, () => deleteQdisc(host, hostEnd, "root"));
    }
    if (egress === undefined) return result;
    const turn = makeTurn(host, { network, ...attachment }, hostEnd.mtu, undo);
    undo.add(`stop leading packets of "${hostEnd.name}" away`, () => deleteQdisc(host, hostEnd, "ingress"));
    leadTo(host, hostEnd, turn);
    limit(host, turn, egress);
    const { name, mac } = turn;
    return { ...result, interfaces: [...result.interfaces, { name, ...(mac === undefined ? {} : { mac }) }] };
  },

  async del({ attachment, network }, { host, teardown }) {
    const unfinished = host.links.find(unfinishedName(network, attachment.containerId));
    for (const turn of [turnOf(host, { network, ...attachment }), unfinished])
      if (turn !== undefined) teardown.deleteLink(host, turn);
  },

  async check({ attachment, network, plan: { ingress, egress }, prevResult }, handles) {
    const { host } = handles, hostEnd = hostEndOf(attachment.ifName, requirePrevResult(prevResult, network), handles);
    if (ingress !== undefined) requireLimit(host, hostEnd, ingress);
    if (egress === undefined) return;
    const turn = turnOf(host, { network, ...attachment });
    if (turn === undefined) {
      const name = turnName(network, attachment.containerId);
      throw broken(`Cannot find link "${name}", which limits what the container sends: it is gone`);
    }
    requireLimit(host, turn, egress);
    if (host.qdiscs.redirections(hostEnd.index).some(({ to }) => to === turn.index)) return;
    throw broken(
      `Cannot accept link "${hostEnd.name}": what the container sends is not led to "${turn.name}", expected it to be`,
    );
  },

  async gc({ network, validAttachments }, { host }) {
    if (validAttachments === undefined) return;
    const owners = validAttachments.map(({ containerID, ifname }) => (
      { network, containerId: containerID, ifName: ifname }));
    const aliases = new Set(owners.map(attachmentComment));
    const names = new Set(owners.map(({ containerId }) => unfinishedName(network, containerId)));
    const gone = host.links.list().filter(({ kind, name, alias }) => kind === "ifb" && (
      alias === undefined ? name.startsWith(unfinishedPrefix(network)) && !names.has(name)
        : alias.startsWith(`${networkHash(network)}-`) && !aliases.has(alias)));
    if (gone.length > 0) await host.links.deleteAll(gone.map(({ index }) => index));
  },
});

/** The host's end of the container's veth, which has to be one that prevResult speaks of. */
function hostEndOf(
  ifName: string,
  { interfaces }: Result,
  { host, container }: Pick<Handles, "host" | "container">,
): Link {
  const { kind = "physical", parent } = container.links.get(ifName);
  if (kind !== "veth" || parent === undefined) throw refused(ifName, `its kind is ${kind}`, "a veth");
  const hostEnd = host.links.find(parent);
  if (interfaces.length === 0) throw refused(ifName, "prevResult has no interfaces", "the host's end among them");
  if (hostEnd !== undefined && interfaces.some(({ name, sandbox = "" }) => name === hostEnd.name && sandbox === ""))
    return hostEnd;
  throw refused(
    ifName,
    `its other end is ${hostEnd === undefined ? "not on the host" : `"${hostEnd.name}"`}`,
    "one of prevResult's interfaces",
  );
}

/** 1:0, in the notation of tc(8). */
const rootHandle = 0x1_0000;

function limit(host: Namespace, link: Link, bucket: TokenBucket): void {
  host.qdiscs.add(link.index, "root", { handle: rootHandle, info: { kind: "tbf", ...bucket } });
}

/** Letters that the name of our link starts with; with a hash of 12 digits it has the 15 that a name may have. */
const turnPrefix = "bwp", turnDigits = 12;

/** The link by which a container's packets take their turn; the reference's name for it. */
export function turnName(network: string, containerId: string): string {
  return turnPrefix + sha512Hex(network + containerId, turnDigits);
}

/**
 * The name where another interface of the container on the same network has the one above, as when a pod asks for a
 * network twice.
 */
export function furtherTurnName({ network, containerId, ifName }: RuleOwner): string {
  return turnPrefix + sha512Hex(`${network}${containerId}:${ifName}`).slice(0, turnDigits);
}

/** The link of one attachment: of those that may be its, the one whose alias does not say that it is another's. */
function turnOf(host: Namespace, owner: RuleOwner): Link | undefined {
  const own = attachmentComment(owner);
  const names = [furtherTurnName(owner), turnName(owner.network, owner.containerId)];
  // The reference gives none.
  return names.map((name) => host.links.find(name)).find((link) => link !== undefined && (link.alias ?? own) === own);
}

/** Before it has its alias a link has a name that tells whose it is: whoever makes it may be killed in between. */
export function unfinishedName(network: string, containerId: string): string {
  return unfinishedPrefix(network) + sha512Hex(containerId, turnDigits / 2);
}

function unfinishedPrefix(network: string): string {
  return `bwt${sha512Hex(network, turnDigits / 2)}`;
}

/** A link of kind ifb: what is sent to it queues, and goes on as if it had come from where it was taken. */
function makeTurn(host: Namespace, owner: RuleOwner, mtu: number, undo: AddContext["undo"]): Link {
  const { network, containerId } = owner;
  const usual = turnName(network, containerId), unfinished = unfinishedName(network, containerId);
  const { alias } = host.links.find(usual) ?? {};
  const name = alias === undefined || alias === attachmentComment(owner) ? usual : furtherTurnName(owner);
  host.links.add({ name: unfinished, info: { kind: "ifb" }, mtu, txQueueLength: 0 });
  undo.add(`delete link "${name}"`, () => deleteLinkNamed(host, unfinished));
  const made = host.links.get(unfinished);
  host.links.set(made.index, { name, alias: attachmentComment(owner), up: true });
  undo.add(`delete link "${name}"`, () => deleteLinkNamed(host, name));
  return { ...made, name };
}

/** ffff:0 is where every qdisc for what arrives is; 1:1 a class that nobody asks for, as the reference has it. */
const ingressHandle = 0xffff_0000, turnClass = 0x1_0001;

function leadTo(host: Namespace, from: Link, to: Link): void {
  host.qdiscs.add(from.index, "ingress", { handle: ingressHandle, info: { kind: "ingress" } });
  const anyPacket = [{ mask: 0, value: 0, offset: 0 }];
  host.qdiscs.redirect(from.index, { priority: 1, keys: anyPacket, class: turnClass, to: to.index });
}

function deleteQdisc(host: Namespace, { index }: Link, place: QdiscPlace): void {
  try {
    host.qdiscs.delete(index, place);
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "EINVAL", "ENODEV")) throw error;
  }
}

function requireLimit(host: Namespace, { index, name }: Link, wanted: TokenBucket): void {
  const qdisc = host.qdiscs.find(index, "root"),
    present = qdisc?.info;
  if (present?.kind !== "tbf")
    throw broken(`Cannot accept link "${name}": its qdisc is ${qdisc?.kind ?? "none"}, expected a limit (tbf)`);
  for (const key of ["rate", "limitBytes", "bufferTicks"] as const) {
    if (present[key] === wanted[key]) continue;
    throw broken(`Cannot accept link "${name}": ${key} of its limit is ${present[key]}, expected ${wanted[key]}`);
  }
}

function refused(ifName: string, is: string, expected: string): CniError {
  return new CniError(
    code.invalidConfig,
    `Cannot limit the bandwidth of interface "${ifName}": ${is}, expected ${expected}`,
  );
}
