/** Whether gateways answer over a link, as the kernel finds out: by ARP, or by neighbour discovery. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Namespace } from "../../kernel/index.ts";
import { isErrno, isReachable } from "../../kernel/index.ts";
import type { Address } from "../../net/index.ts";
import { sameAddress } from "../../net/index.ts";

/** Between two looks. */
const lookMs = 50;
/** The kernel asks three times, once a second, and then gives up. */
const seekMs = 1_000;

export interface Question {
  readonly index: number;
  readonly gateways: readonly Address[];
  readonly withinMs: number;
  /** Nobody wants to know any more. */
  readonly signal: AbortSignal;
  /** Called once when the first second is over. */
  waiting?(): void;
}

/** @returns those that have not answered */
export async function silentGateways(
  { index, gateways, withinMs, signal, waiting }: Question, { neighbours }: Pick<Namespace, "neighbours">,
): Promise<readonly Address[]> {
  // What is known from before may be from over another link.
  for (const gateway of gateways) {
    try {
      neighbours.delete(index, gateway);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
  let silent = gateways;
  for (let waitedMs = 0; silent.length > 0; waitedMs += lookMs) {
    if (waitedMs % seekMs === 0) for (const gateway of silent) neighbours.seek(index, gateway);
    if (waitedMs === seekMs) waiting?.();
    await sleep(lookMs);
    silent = silent.filter((gateway) => !answers(gateway, index, neighbours));
    if (waitedMs >= withinMs || signal.aborted) break;
  }
  return silent;
}

function answers(gateway: Address, index: number, neighbours: Namespace["neighbours"]): boolean {
  return neighbours.list(index, gateway.family).some((one) => sameAddress(one.address, gateway) && isReachable(one));
}
