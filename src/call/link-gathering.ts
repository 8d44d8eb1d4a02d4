import type { Link, Namespace } from "../kernel/index.ts";
import type { FailedStep } from "./undo.ts";

/** A link that is to go, and where it is told if it does not. */
export interface GatheredLink {
  readonly namespace: Namespace;
  readonly link: Link;
  readonly failures: FailedStep[];
}

/** Links that go with the next request, and when that is done. */
interface Batch {
  readonly links: GatheredLink[];
  readonly done: Promise<void>;
}

/** By the handle, which a process that serves many calls has one of for all: what waits, and what is under way. */
const waiting = new WeakMap<Namespace, Batch>(), underWay = new WeakMap<Namespace, Promise<void>>();

/**
 * Deletes links of one namespace in one request, together with those of other containers: the kernel waits once for a
 * request, however many links it deletes, so what is to go while one is under way goes with the next. Whose link fails
 * is told alone. Never rejects.
 */
export function deleteGathered(namespace: Namespace, links: readonly GatheredLink[]): Promise<void> {
  const next = waiting.get(namespace);
  if (next !== undefined) {
    next.links.push(...links);
    return next.done;
  }
  const batch = { links: [...links], done: deleteAfter(underWay.get(namespace), namespace) };
  waiting.set(namespace, batch);
  underWay.set(namespace, batch.done);
  return batch.done;
}

async function deleteAfter(before: Promise<void> | undefined, namespace: Namespace): Promise<void> {
  await before;
  const { links = [] } = waiting.get(namespace) ?? {};
  waiting.delete(namespace);
  await deleteTogether(namespace, links);
}

/** One by one when they cannot be deleted together, so that one stubborn link does not keep the others. */
async function deleteTogether(namespace: Namespace, links: readonly GatheredLink[]): Promise<void> {
  try {
    await namespace.links.deleteAll([...new Set(links.map(({ link }) => link.index))]);
  } catch {
    for (const one of links) await deleteAlone(one);
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
