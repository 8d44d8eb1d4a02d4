/**
 * IP masquerade: what a container sends beyond its own network leaves with the host's address (`ipMasq`).
 *
 * Setup uses one backend; teardown looks in both, since the backend may have changed in between.
 */
import { CniError, code } from "../../../cni/index.ts";
import type { Handles, Undo, ValidAttachment } from "../../contract/plugin.ts";
import { throwAll } from "../../contract/several-errors.ts";
import type { FirewallBackend } from "../backend.ts";
import { parseFirewallBackend, whyUnusable, withBackend } from "../backend.ts";
import { collectMasqueradeChains, deleteMasqueradeChain, masqueradeChange } from "./iptables.ts";
import type { Masquerade } from "./masquerade.ts";
import { collectMasqueradeRules, deleteMasqueradeRules, setMasqueradeRules } from "./nftables.ts";

export type { Masquerade } from "./masquerade.ts";

/** What masquerading touches. */
export type MasqueradeHandles = Pick<Handles, "host" | "iptables">;

/**
 * `ipMasqBackend` as configured: undefined when absent, which leaves the choice to the machine; code 7 when unknown.
 */
export function parseMasqueradeBackend(value: string | undefined): FirewallBackend | undefined {
  return parseFirewallBackend("ipMasqBackend", value);
}

/** Masquerades what the container sends beyond its own network; registers its own undo. */
export async function setupMasquerade(
  handles: MasqueradeHandles, masquerade: Masquerade, backend: FirewallBackend | undefined, undo: Undo,
): Promise<void> {
  if (masquerade.addresses.length === 0) return;
  undo.add("delete the masquerade rules", () => teardownMasquerade(handles, masquerade));
  await withBackend(handles, backend, async (chosen) => {
    if (chosen === "nftables") return await setMasqueradeRules(handles.host.nftables, masquerade);
    for (const family of [4, 6] as const) {
      const addresses = masquerade.addresses.filter(({ address }) => address.family === family);
      if (addresses.length > 0) await handles.iptables.change(masqueradeChange(family, { ...masquerade, addresses }));
    }
  });
}

/** For STATUS. @throws CniError 50 where no backend, or not the configured one, can be used */
export async function refuseUnusable(
  handles: MasqueradeHandles, backend: FirewallBackend | undefined,
): Promise<void> {
  const problem = await whyUnusable(handles, backend);
  if (problem !== undefined) throw new CniError(code.notReady, `Cannot masquerade (ipMasq): ${problem}`);
}

/** Takes it back in both backends, whichever made it; missing is success. `addresses` may be empty. */
export async function teardownMasquerade(handles: MasqueradeHandles, masquerade: Masquerade): Promise<void> {
  await inBothBackends(handles, {
    iptables: async (family) => await deleteMasqueradeChain(handles, family, masquerade),
    nftables: () => deleteMasqueradeRules(handles.host.nftables, masquerade),
  });
}

/** GC: removes, in both backends, what this network's attachments that are no longer valid have left. */
export async function gcMasquerade(
  handles: MasqueradeHandles,
  network: string,
  valid: readonly ValidAttachment[],
): Promise<void> {
  await inBothBackends(handles, {
    iptables: async (family) => await collectMasqueradeChains(handles, family, network, valid),
    nftables: () => collectMasqueradeRules(handles.host.nftables, network, valid),
  });
}

/**
 * Tries everything; the error of a backend that cannot be used here says nothing. The rest is thrown, joined by
 * newlines.
 */
async function inBothBackends(
  handles: MasqueradeHandles, work: { iptables(family: 4 | 6): Promise<void>; nftables(): Promise<void> },
): Promise<void> {
  const errors: unknown[] = [];
  for (const family of [4, 6] as const) {
    try {
      await work.iptables(family);
    } catch (error) {
      if (await handles.iptables.usable(family)) errors.push(error);
    }
  }
  try {
    await work.nftables();
  } catch (error) {
    if (handles.host.nftables.usable()) errors.push(error);
  }
  throwAll(errors);
}
