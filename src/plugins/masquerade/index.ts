import type { Prefix } from "../../net/index.ts";
import type { Handles, Undo, ValidAttachment } from "../plugin.ts";

/** What masquerading touches. */
export type MasqueradeHandles = Pick<Handles, "host" | "iptables">;

export type MasqueradeBackend = "iptables" | "nftables";

/** Whose traffic it is; `addresses` are the container's own, with the prefix of its network. */
export interface Masquerade {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
  readonly addresses: readonly Prefix[];
}

/** `ipMasqBackend` as configured: undefined when absent, which leaves the choice to the machine; code 7 when unknown. */
export type ParseMasqueradeBackend = (value: string | undefined) => MasqueradeBackend | undefined;

/** Masquerades what the container sends beyond its own network; registers its own undo. */
export type SetupMasquerade = (
  handles: MasqueradeHandles, masquerade: Masquerade, backend: MasqueradeBackend | undefined, undo: Undo,
) => Promise<void>;

/** Takes it back in both backends, whichever made it; missing is success. `addresses` may be empty. */
export type TeardownMasquerade = (handles: MasqueradeHandles, masquerade: Masquerade) => Promise<void>;

/** GC: removes, in both backends, what this network's attachments that are no longer valid have left. */
export type GcMasquerade = (
  handles: MasqueradeHandles, network: string, valid: readonly ValidAttachment[],
) => Promise<void>;
