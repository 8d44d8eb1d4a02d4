/** What stands for the cluster of an ADD that is only planned: asked beforehand, and told nothing. */
import { CniError, code } from "../../cni/index.ts";
import type { Cluster, Pod, PodKey } from "../../kube/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Recorder } from "../steps/step.ts";

export interface ClusterSource {
  /** Asked for what is not given here; undefined: there is none. */
  readonly real: Cluster | undefined;
  /** The pod that is planned, where a manifest has it. */
  readonly pod: Pod | undefined;
  /** Definitions of manifests, by `namespace/name`. */
  readonly definitions: ReadonlyMap<string, JsonObject>;
}

export interface PlannedCluster extends Cluster {
  /** From here on every question has been asked before: the cluster cannot be reached any more. */
  seal(): void;
}

/** Each question goes to the cluster once. What would be published are steps. */
export function plannedCluster({ real, pod, definitions }: ClusterSource, recorder: Recorder): PlannedCluster {
  const once = askedOnce();
  const told = (what: string, commands: readonly string[]): void =>
    recorder.step(() => ({ kind: "request", where: "node", what, commands }), () => undefined);
  return {
    getPod: async (key) => await once(`pod "${nameOf(key)}"`, async () => (
      pod !== undefined && nameOf(pod) === nameOf(key) ? pod : await real?.getPod(key))),
    getDefinition: async (key) => await once(`NetworkAttachmentDefinition "${nameOf(key)}"`, async () => (
      definitions.get(nameOf(key)) ?? await real?.getDefinition(key))),
    getAllocatedDevices: async (asking) => await once(`the devices of pod "${nameOf(asking)}"`, async () => (
      await real?.getAllocatedDevices(asking) ?? new Map())),
    getIpamClaim: async (key) => await once(`IPAMClaim "${nameOf(key)}"`, async () => await real?.getIpamClaim(key)),
    assumed: { pod: () => undefined, definition: () => undefined },
    async setNetworkStatus({ namespace, name }, status) {
      const text = JSON.stringify(JSON.parse(status)).replaceAll("'", String.raw`'\''`);
      told(`publish the network-status of pod "${namespace}/${name}"`, [
        `kubectl -n ${namespace} annotate --overwrite pod ${name} k8s.v1.cni.cncf.io/network-status='${text}'`,
      ]);
      return "written";
    },
    async setClaimStatus(claim, { ips }) {
      told(`write ${ips.join(", ")} into IPAMClaim "${nameOf(claim)}"`, []);
      return "written";
    },
    async recordEvent({ namespace, name }, { type, reason, message }) {
      told(`record event ${type} ${reason} of pod "${namespace}/${name}": ${message}`, []);
      return undefined;
    },
    requireUsable: async () => {},
    // Plugins ask for it again.
    close: () => {},
    seal() {
      once.seal();
      real?.close();
    },
  };
}

function askedOnce() {
  const asked = new Map<string, Promise<unknown>>();
  let isSealed = false;
  async function once<T>(what: string, ask: () => Promise<T>): Promise<T> {
    const known = asked.get(what);
    // Whoever asked for it before asked for the same.
    if (known !== undefined) return await known as T;
    if (isSealed)
      throw new CniError(code.tryAgainLater, `Cannot plan with ${what}: it has not been asked for beforehand`);
    const answer = ask();
    asked.set(what, answer);
    return await answer;
  }
  return Object.assign(once, { seal: () => { isSealed = true; } });
}

function nameOf({ namespace, name }: PodKey): string {
  return `${namespace}/${name}`;
}
