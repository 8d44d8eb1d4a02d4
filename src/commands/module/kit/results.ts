import type { Interface, IpConfig, Result, Route } from "../../../cni/index.ts";
import { formatAddress } from "../../../net/index.ts";
import type { MergeInput, ReviewRequest } from "../../../wasm/index.ts";
import type { Pool } from "./pool.ts";
import { addressAt, poolOf, sizeOf } from "./pool.ts";
import type { Random } from "./random.ts";

const pools = ["10.1.0.0/16", "192.168.7.0/24", "2001:db8:1::/64", "fd00:2::/112"].map(poolOf);

/** A result as a network could have left it: up to three interfaces, four addresses and five routes. */
export function randomResult(any: Random, ifName: string): Result {
  const interfaces: Interface[] = [
    { name: `veth${any.below(1000)}`, mac: mac(any) },
    { name: ifName, mac: mac(any), sandbox: "/run/netns/kit" },
  ];
  const ips: IpConfig[] = many(any, 4, () => {
    const pool = any.pick(pools);
    return {
      address: `${someAddress(any, pool)}/${pool.prefixBits}`,
      ...(any.once(3) ? {} : { gateway: someAddress(any, pool) }),
      ...(any.once(5) ? {} : { interface: any.below(interfaces.length) }),
    };
  });
  const routes: Route[] = many(any, 5, () => {
    const pool = any.pick(pools);
    const dst = any.once(3) ? (pool.family === 4 ? "0.0.0.0/0" : "::/0") : pool.subnet;
    return {
      dst,
      ...(any.once(4) ? {} : { gw: someAddress(any, pool) }),
      ...(any.once(6) ? { table: 100 + any.below(3) } : {}),
      ...(any.once(6) ? { mtu: 1400 } : {}),
    };
  });
  const dns = any.once(2)
    ? {}
    : { nameservers: many(any, 3, () => someAddress(any, any.pick(pools))), search: ["svc.example"] };
  return { interfaces, ips, routes, dns };
}

/** Up to eight networks of one container, the default one among them or not. */
export function randomInputs(any: Random): readonly MergeInput[] {
  const count = 1 + any.below(8);
  const defaultAt = any.once(6) ? -1 : any.below(count);
  return Array.from({ length: count }, (_, index) => {
    const ifName = index === 0 ? "eth0" : `net${index}`;
    return {
      network: `network-${index}`, ifName, default: index === defaultAt,
      routesClaimed: any.pick([null, null, [], [someAddress(any, any.pick(pools))]]),
      result: randomResult(any, ifName),
    };
  });
}

export function randomReview(any: Random, config: object): ReviewRequest {
  const pod = any.below(64);
  return {
    config,
    pod: any.once(8)
      ? undefined
      : {
          namespace: `team-${pod % 4}`,
          name: `web-${pod}`,
          uid: `00000000-0000-4000-8000-${pod.toString(16).padStart(12, "0")}`,
        },
    attachment: { containerId: `kit${pod}`, ifName: "net1", network: "kit", mac: mac(any) },
    prevResult: randomResult(any, "net1"),
  };
}

function many<T>(any: Random, most: number, make: () => T): T[] {
  return Array.from({ length: any.below(most + 1) }, make);
}

function someAddress(any: Random, pool: Pool): string {
  return formatAddress(addressAt(pool.family, pool.first + any.belowBig(sizeOf(pool))));
}

function mac(any: Random): string {
  return ["02", ...Array.from({ length: 5 }, () => any.below(256).toString(16).padStart(2, "0"))].join(":");
}
