import type { Nftables } from "../kernel/index.ts";
import type { Undo } from "./plugin.ts";

/** Whose frames are checked: `hostLink` is the name of the bridge port, `mac` the only source it may use. */
export interface SpoofCheck {
  readonly containerId: string;
  readonly ifName: string;
  readonly hostLink: string;
  readonly mac: string;
}

/** Drops frames that enter the bridge through `hostLink` with another source MAC; registers its own undo. */
export type SetupSpoofCheck = (nftables: Nftables, check: SpoofCheck, undo: Undo) => void;

/** Missing is success. Throws what went wrong, joined, after having tried everything; DEL logs it and goes on. */
export type TeardownSpoofCheck = (nftables: Nftables, check: Pick<SpoofCheck, "containerId" | "ifName">) => void;
