import type { Link, Namespace } from "../kernel/index.ts";
import type { Teardown } from "../plugins/index.ts";
import type { FailedStep } from "./undo.ts";

/** A DEL's gathered work: the links of all networks go in one request, then the steps that waited for it. */
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

export function teardownGroup(): TeardownGroup {
  const links: GatheredLink[] = [];
  const steps: { what: string; step: () => void | Promise<void>; failures: FailedStep[] }[] = [];
  return {
    for: (failures) => ({
      deleteLink: (namespace, link) => { links.push({ namespace, link, failures }); },
      after: (what, step) => { steps.push({ what, step, failures }); },
    }),
    async finish() {
      for (const group of Map.groupBy(links.splice(0), ({ namespace }) => namespace).values()) deleteTogether(group);
      for (const { what, step, failures } of steps.splice(0)) {
        try {
          await step();
        } catch (error) {
          failures.push({ what, error });
        }
      }
    },
  };
}

/** One by one when the group cannot be deleted, so that one stubborn link does not keep the others. */
function deleteTogether(group: readonly GatheredLink[]): void {
  const namespace = group[0]?.namespace;
  try {
    namespace?.links.deleteAll([...new Set(group.map(({ link }) => link.index))]);
  } catch {
    for (const one of group) deleteAlone(one);
  }
}

function deleteAlone({ namespace, link, failures }: GatheredLink): void {
  try {
    // The index may be another link's by now.
    if (namespace.links.find(link.index)?.name === link.name) namespace.links.delete(link.index);
  } catch (error) {
    failures.push({ what: `delete link "${link.name}"`, error });
  }
}
