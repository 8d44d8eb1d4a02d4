import { CniError, code } from "../../cni/index.ts";
import type { Cluster, IpamClaim, Pod } from "../../kube/index.ts";
import type { NetworkSelection } from "../../nad/index.ts";
import type { Log } from "../../plugins/index.ts";
import { isShared } from "../../plugins/index.ts";
import type { Begun } from "../attachment/begun.ts";
import type { MuxConf } from "../conf.ts";
import type { Delegate } from "../networks/delegate.ts";

/** What a network's addresses are to be kept for, if the selection says. */
export type FindClaim = (selection: NetworkSelection, network: Delegate["network"]) => Promise<Delegate["claim"]>;

/** The IPAMClaims that one pod's networks refer to. */
export interface Claims {
  readonly find: FindClaim;
  /**
   * Writes down in each claim what is kept for it now, and who has it.
   *
   * @throws CniError where that cannot be written
   */
  record(networks: readonly Pick<Begun, "attachment" | "answered" | "isKept">[]): Promise<void>;
}

type Asking = Pick<Cluster, "getIpamClaim" | "setClaimStatus">;

interface ClaimParts {
  readonly cluster: Asking;
  readonly conf: Pick<MuxConf, "leaseStores">;
  readonly log: Pick<Log, "warn">;
}

/**
 * A claim is of the pod's own namespace, as its virtual machine is. It is read where nodes share the network's
 * addresses: elsewhere nobody here keeps any for it, and an executed plugin that does reads it itself.
 */
export function claimsOf(pod: Pick<Pod, "namespace" | "name">, { cluster, conf, log }: ClaimParts): Claims {
  const known = new Map<string, IpamClaim>();
  return {
    async find({ ipamClaim: name, ifName }, { name: network, plugins }) {
      if (name === undefined) return undefined;
      const key = `${pod.namespace}/${name}`;
      if (!plugins.some((plugin) => isShared(plugin, conf.leaseStores.whereabouts))) return { key, addresses: [] };
      const claim = await cluster.getIpamClaim({ namespace: pod.namespace, name });
      if (claim === undefined) throw refused(key, "there is none of this name", "one that is there before its pod");
      refuseOther(key, { claim, network, ifName });
      known.set(key, claim);
      return { key, addresses: claim.addresses };
    },
    async record(networks) {
      for (const { attachment: { delegate }, answered, isKept } of networks) {
        const claim = isKept === true && delegate.claim !== undefined ? known.get(delegate.claim.key) : undefined;
        if (claim === undefined || answered === undefined) continue;
        const ips = answered.ips.map(({ address }) => address);
        if (await cluster.setClaimStatus(claim, { ips, pod: pod.name }) === "gone")
          log.warn(`IPAMClaim "${claim.namespace}/${claim.name}" is gone from the API; its addresses are not written`);
      }
    },
  };
}

interface Matching {
  readonly claim: IpamClaim;
  readonly network: string;
  readonly ifName: string | undefined;
}

/** Two networks, or two interfaces, would keep their addresses under one name. */
function refuseOther(key: string, { claim, network, ifName }: Matching): void {
  if (claim.network !== "" && claim.network !== network)
    throw refused(key, `its spec.network is "${claim.network}"`, `one of network "${network}"`);
  if (claim.ifName !== "" && ifName !== undefined && claim.ifName !== ifName)
    throw refused(key, `its spec.interface is "${claim.ifName}"`, `one of interface "${ifName}"`);
}

function refused(key: string, is: string, expected: string): CniError {
  return new CniError(code.invalidConfig, `Cannot use IPAMClaim "${key}": ${is}, expected ${expected}`);
}
