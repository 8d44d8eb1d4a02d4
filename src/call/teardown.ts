import type { Link, Namespace } from "../kernel/index.ts";
import type { Teardown } from "../plugins/index.ts";
import type { FailedStep } from "./undo.ts";

/**
 * A DEL's gathered work: what goes first, the links of all networks in one request, then the steps that waited for it.
 */
export interface TeardownGroup {
  /** For the plugins of one network; what fails of their work is added to `failures`. */
  for(failures: FailedStep[]): Teardown;
  finish(): Promise<void>;
}

interface GatheredLink {
  readonly namespace: Namespace;
  readonly link: Link;
  readonly failures: FailedStep[];
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
      for (const group of Map.groupBy(links.splice(0), ({ namespace }) => namespace).values()) {
        await deleteTogether(group);
      }
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
  }
}

/** One by one when the group cannot be deleted, so that one stubborn link does not keep the others. */
async function deleteTogether(group: readonly GatheredLink[]): Promise<void> {
  const namespace = group[0]?.namespace;
  try {
    await namespace?.links.deleteAll([...new Set(group.map(({ link }) => link.index))]);
  } catch {
    for (const one of group) await deleteAlone(one);
  }
}

async function deleteAlone({ namespace, link, failures }: GatheredLink): Promise<void> {
  try {
    // The index may be another link's by now.
    if (namespace.links.find(link.index)?.name === link.name) await namespace.links.delete(link.index);
  } catch (error) {
    failures.push({ what: `delete link "${link.name}"`, error });
  }
}
