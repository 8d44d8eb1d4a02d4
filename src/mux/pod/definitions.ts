import { CniError, code } from "../../cni/index.ts";
import type { Cluster, PodKey } from "../../kube/index.ts";
import type { NetworkDefinition } from "../../nad/index.ts";
import { parseDefinition } from "../../nad/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Outdated } from "./outdated.ts";
import { outdated } from "./outdated.ts";

/** The NetworkAttachmentDefinition of a name; throws CniError 7 when there is none, 11 when the API cannot tell. */
export type FindDefinition = (key: PodKey) => Promise<NetworkDefinition>;

/**
 * The API says that there is no such definition. That it cannot be asked, or what it has cannot be read, is another
 * matter.
 */
export class MissingDefinition extends CniError {}

type Asking = Pick<Cluster, "getDefinition" | "assumed">;

/** Definitions of one cluster, each looked up once, however often a pod names it. */
export interface Definitions {
  readonly find: FindDefinition;
  /**
   * Resolves once the API has confirmed those that were assumed, which nobody has waited for until then.
   *
   * @throws Outdated when it has another one by now, else CniError as `find` does
   */
  confirm(): Promise<void>;
}

/** @param mayAssume  what a watch has told of them may be taken for so, and is confirmed meanwhile */
export function definitionsOf(cluster: Asking, { mayAssume }: { readonly mayAssume: boolean }): Definitions {
  const asked = new Map<string, Promise<NetworkDefinition>>();
  const confirmations: Promise<Outdated | undefined>[] = [];
  return {
    find(key) {
      const name = `${key.namespace}/${key.name}`;
      const known = asked.get(name);
      if (known !== undefined) return known;
      const assumed = mayAssume ? assumedDefinition(cluster, key) : undefined;
      const found = assumed === undefined ? readDefinition(cluster, key) : Promise.resolve(assumed);
      asked.set(name, found);
      if (assumed !== undefined) {
        const confirmation = confirmed(cluster, key, assumed);
        confirmations.push(confirmation);
        // Whoever waits for it is told.
        confirmation.catch(() => {});
      }
      return found;
    },
    async confirm() {
      for (const problem of await Promise.all(confirmations)) if (problem !== undefined) throw problem;
    },
  };
}

/** One that cannot be read is asked for. */
function assumedDefinition({ assumed }: Asking, key: PodKey): NetworkDefinition | undefined {
  try {
    const object = assumed.definition(key);
    return object === undefined ? undefined : parseDefinition(object);
  } catch {
    return undefined;
  }
}

async function confirmed(cluster: Asking, key: PodKey, assumed: NetworkDefinition): Promise<Outdated | undefined> {
  const object = await cluster.getDefinition(key);
  return object !== undefined && isSame(object, assumed)
    ? undefined
    : outdated(`NetworkAttachmentDefinition "${assumed.displayName}"`);
}

function isSame(object: JsonObject, assumed: NetworkDefinition): boolean {
  try {
    return JSON.stringify(parseDefinition(object)) === JSON.stringify(assumed);
  } catch {
    return false;
  }
}

async function readDefinition(cluster: Asking, key: PodKey): Promise<NetworkDefinition> {
  const object = await cluster.getDefinition(key);
  if (object === undefined) {
    throw new MissingDefinition(
      code.invalidConfig,
      `Cannot find network "${key.namespace}/${key.name}": namespace "${key.namespace}" has no ` +
        `NetworkAttachmentDefinition "${key.name}", expected one of that name`,
    );
  }
  return parseDefinition(object);
}
