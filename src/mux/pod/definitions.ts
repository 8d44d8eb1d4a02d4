import { CniError, code } from "../../cni/index.ts";
import type { Cluster, PodKey } from "../../kube/index.ts";
import type { NetworkDefinition } from "../../nad/index.ts";
import { parseDefinition } from "../../nad/index.ts";

/** The NetworkAttachmentDefinition of a name; throws CniError 7 when there is none, 11 when the API cannot tell. */
export type FindDefinition = (key: PodKey) => Promise<NetworkDefinition>;

/**
 * The API says that there is no such definition. That it cannot be asked, or what it has cannot be read, is another
 * matter.
 */
export class MissingDefinition extends CniError {}

/** Definitions of one cluster, each asked for once, however often a pod names it. */
export function definitionsOf(cluster: Pick<Cluster, "getDefinition">): FindDefinition {
  const asked = new Map<string, Promise<NetworkDefinition>>();
  return (key) => {
    const name = `${key.namespace}/${key.name}`;
    const known = asked.get(name) ?? readDefinition(cluster, key);
    asked.set(name, known);
    return known;
  };
}

async function readDefinition(cluster: Pick<Cluster, "getDefinition">, key: PodKey): Promise<NetworkDefinition> {
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
