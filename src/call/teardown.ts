import { giveWay } from "../os/index.ts";
import type { Teardown } from "../plugins/index.ts";
import type { GatheredLink } from "./link-gathering.ts";
import { deleteGathered } from "./link-gathering.ts";
import type { FailedStep } from "./undo.ts";

/**
 * A DEL's gathered work: what goes first, the links of all networks in one request, then the steps that waited for it.
 */
export interface TeardownGroup {
  /** For the plugins of one network; what fails of their work is added to `failures`. */
  for(failures: FailedStep[]): Teardown;
  finish(): Promise<void>;
}

interface GatheredStep {
  readonly what: string;
  readonly step: () => void | Promise<void>;
  readonly failures: FailedStep[];
}

export function teardownGroup(): TeardownGroup {
  const links: GatheredLink[] = [];
  const earlier: GatheredStep[] = [], later: GatheredStep[] = [];
  return {
    for: (failures) => ({
      deleteLink: (namespace, link) => { links.push({ namespace, link, failures }); },
      before: (what, step) => { earlier.push({ what, step, failures }); },
      after: (what, step) => { later.push({ what, step, failures }); },
    }),
    async finish() {
      await runAll(earlier.splice(0));
      const byNamespace = Map.groupBy(links.splice(0), ({ namespace }) => namespace);
      for (const [namespace, group] of byNamespace) await deleteGathered(namespace, group);
      await runAll(later.splice(0));
    },
  };
}

async function runAll(steps: readonly GatheredStep[]): Promise<void> {
  for (const { what, step, failures } of steps) {
    try {
      await step();
    } catch (error) {
      failures.push({ what, error });
    }
    await giveWay();
  }
}
