/**
 * One container on three networks, with masquerading and mapped ports: what the multiplexer is for, as a test's
 * subject.
 */
import { join } from "node:path";
import { builtDist } from "./dist.ts";
import type { Call, World } from "./runtime.ts";

/** Everything it keeps is in the world's directory. Needs the world's `uplink0`. */
export function threeNetworks({ directory }: Pick<World, "directory">,
  more: object = {}): { readonly delegates: readonly (Readonly<Record<string,
  unknown>> & { readonly name: string })[] } & Readonly<Record<string, unknown>> {
  const ipam = (...subnets: readonly string[]): object => ({ type: "host-local", dataDir: join(directory, "networks"),
    ranges: subnets.map((subnet) => [{ subnet }]) });
  return {
    cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"),
      capabilities: { portMappings: true },
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
    delegates: [
      { cniVersion: "1.1.0", name: "front", plugins: [
        { type: "bridge", bridge: "front0", isDefaultGateway: true, ipMasq: true, ipMasqBackend: "nftables",
          ipam: ipam("10.60.0.0/24") },
        { type: "portmap", backend: "nftables", capabilities: { portMappings: true } },
      ] },
      { cniVersion: "1.1.0", name: "back", type: "bridge", bridge: "back0", macspoofchk: true,
        ipam: ipam("10.61.0.0/24", "fd00:61::/64") },
      { cniVersion: "1.1.0", name: "lan", type: "macvlan", master: "uplink0", ipam: ipam("192.168.77.0/24") },
    ],
    ...more,
  };
}

/** A link macvlan can stand on. */
export function makeUplink({ host }: World): void {
  host.exec("ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "uplink1");
  for (const name of ["uplink0", "uplink1"]) host.exec("ip", "link", "set", name, "up");
}

/** The names GC and STATUS are called with. */
export const noAttachment = { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined };

export function ourPlugins(): string {
  return join(builtDist(), "bin");
}

/** A call of the multiplexer with that configuration. */
export function multiplexed(verb: string, conf: object | string, more: Partial<Call> = {}): Call {
  return { verb, type: "polynic", path: [ourPlugins()], conf,
    ...(verb === "GC" || verb === "STATUS" ? { env: noAttachment } : {}), ...more };
}
