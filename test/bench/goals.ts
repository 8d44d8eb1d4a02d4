// What the daemon is to reach: ratios of one run.
import type { Case } from "./cases.ts";
import { firewalled, oneBridge, threePlain } from "./cases.ts";
import type { Runtime } from "./runtimes.ts";
import { against, ratio, table } from "./statistics.ts";
import type { Measured, Verb } from "./whole-process.ts";

interface Goal {
  readonly one: Case;
  readonly verb: Verb;
  readonly of: Runtime | undefined;
  readonly most: number;
}

export interface Compared {
  readonly daemon: Runtime;
  /** The newest chain of reference plugins there is. */
  readonly reference: Runtime | undefined;
  readonly multus: Runtime | undefined;
}

/** A row for each goal that can be looked at here. */
export function goalsTable({ medianMs }: Measured, { daemon, reference, multus }: Compared): string {
  const goals: readonly Goal[] = [
    { one: oneBridge, verb: "ADD", of: reference, most: 0.3 },
    { one: oneBridge, verb: "DEL", of: reference, most: 0.7 },
    { one: threePlain, verb: "ADD", of: multus, most: 1 / 7 },
    { one: threePlain, verb: "DEL", of: multus, most: 1 / 3.5 },
    { one: firewalled.iptables, verb: "ADD", of: reference, most: 1 / 6 },
    { one: firewalled.iptables, verb: "DEL", of: reference, most: 1 / 6 },
    { one: firewalled.nftables, verb: "ADD", of: reference, most: 1 / 10 },
    { one: firewalled.nftables, verb: "DEL", of: reference, most: 1 / 5 },
  ];
  return table(["daemon", "of", "ratio", "goal"], goals.flatMap(({ one, verb, of, most }) => {
    if (of === undefined || !of.supports(one)) return [];
    const own = medianMs(daemon, verb, one), other = medianMs(of, verb, one);
    const goal = against(own / other, Math.round(most * 1000) / 1000);
    return [[`${verb} ${one.title}`, of.title, ratio(own, other), goal]];
  }));
}
