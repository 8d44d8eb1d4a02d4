/** The rules of an attachment, by whichever of the two interfaces to the kernel's firewall is chosen. */
import type { Address } from "../../net/index.ts";
import type { AddContext, Handles, ValidAttachment } from "../contract/plugin.ts";
import { throwAll } from "../contract/several-errors.ts";
import type { RuleOwner } from "../packet-rules/attachment-comment.ts";
import type { FirewallBackend } from "../packet-rules/backend.ts";
import { whyUnusable as whyBackendUnusable } from "../packet-rules/backend.ts";
import type { Allowance, BackendChoice } from "./conf.ts";
import * as iptables from "./iptables.ts";
import * as nftables from "./nftables.ts";

export type RuleHandles = Pick<Handles, "host" | "iptables">;

/** Who makes rules; undefined: whoever can. What firewalld cannot say is said by them, too. */
export function rulesBackend(choice: BackendChoice): FirewallBackend | undefined {
  return choice === "firewalld" ? undefined : choice;
}

/** Makes the rules; registers its own undo. */
export async function letThrough(
  backend: FirewallBackend, allowance: Allowance, context: RuleHandles & Pick<AddContext, "undo">,
): Promise<void> {
  const { host, undo } = context;
  if (backend === "iptables") {
    for (const one of byFamily(allowance)) await iptables.letThrough(context, one.family, one, undo);
  } else if (allowance.addresses.length > 0 || allowance.ingress !== undefined) {
    await nftables.letThrough(host.nftables, allowance);
    const { nftables: kernel } = host;
    undo.add("delete the rules of the addresses", async () => void await nftables.deleteRules(kernel, allowance));
  }
}

/**
 * Deletes what either backend has made for the attachment; missing is success.
 *
 * @param addresses  what iptables' rules are found by, which may be of the other backend's time
 * @returns whether there was anything
 */
export async function deleteRules(
  owner: RuleOwner, addresses: readonly Address[], handles: RuleHandles,
): Promise<boolean> {
  const errors: unknown[] = [];
  let found = await deleteAddressRules(addresses, handles, errors);
  await ifUsable(handles, async () => {
    if (await nftables.deleteRules(handles.host.nftables, owner)) found = true;
  }, errors);
  throwAll(errors);
  return found;
}

/**
 * The same of iptables alone, by addresses that are nobody's any more.
 *
 * @param errors  gets what failed, where given; else it is thrown
 */
export async function deleteAddressRules(
  addresses: readonly Address[], handles: RuleHandles, errors?: unknown[],
): Promise<boolean> {
  const own: unknown[] = errors ?? [];
  let found = false;
  for (const family of [4, 6] as const) {
    try {
      const some = addresses.filter((address) => address.family === family);
      if (await iptables.deleteAddressRules(handles, family, some)) found = true;
    } catch (error) {
      if (await handles.iptables.usable(family)) own.push(error);
    }
  }
  if (errors === undefined) throwAll(own);
  return found;
}

/** GC: of what tells its network by itself. */
export async function collectRules(
  network: string, valid: readonly ValidAttachment[], handles: RuleHandles,
): Promise<void> {
  const errors: unknown[] = [];
  await ifUsable(handles, () => nftables.collectRules(handles.host.nftables, network, valid), errors);
  throwAll(errors);
}

/** A rule that is not there, in words; undefined when all are. */
export async function missingRule(
  backend: FirewallBackend, allowance: Allowance, handles: RuleHandles,
): Promise<string | undefined> {
  if (backend === "nftables") return nftables.missingRules(handles.host.nftables, allowance);
  for (const one of byFamily(allowance)) {
    const missing = await iptables.missingRule(handles, one.family, one);
    if (missing !== undefined) return `${missing} is not in table filter`;
  }
  return undefined;
}

/** Why the backend can be used by no ADD, in words; undefined when it can. */
export async function whyUnusable(
  choice: BackendChoice, handles: RuleHandles & Pick<Handles, "firewalld">,
): Promise<string | undefined> {
  if (choice !== "firewalld") return await whyBackendUnusable(handles, choice);
  return await handles.firewalld.running() ? undefined
    : "firewalld does not answer, expected it to run on the system bus";
}

interface FamilyRules extends Pick<Allowance, "addresses" | "adminChain" | "ingress"> {
  readonly family: 4 | 6;
}

/** What is to be made in each family; nothing where there is no address and no policy. */
function byFamily({ addresses, adminChain, ingress }: Allowance): readonly FamilyRules[] {
  return ([4, 6] as const).map((family) => ({
    family, adminChain,
    addresses: addresses.filter((address) => address.family === family),
    ingress: ingress?.families.includes(family) === true ? ingress : undefined,
  })).filter((one) => one.addresses.length > 0 || one.ingress !== undefined);
}

/** The error of a kernel without nf_tables says nothing. */
async function ifUsable({ host }: Pick<Handles, "host">, work: () => Promise<void>, errors: unknown[]): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (host.nftables.usable()) errors.push(error);
  }
}
