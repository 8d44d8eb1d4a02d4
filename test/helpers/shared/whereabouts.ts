/** A stand-in for whereabouts in the API server of a test: its objects, and pods that it gives addresses to. */
import { addOffset, formatAddress, networkOf, parsePrefix } from "../../../src/net/index.ts";
import type { ApiServer } from "../api-server.ts";
import type { Json } from "../api-server-store.ts";

export interface WhereaboutsPod {
  readonly name: string;
  readonly node: string;
  readonly container: string;
  readonly ifName?: string;
  readonly uid?: string;
  /** `namespace/name` of its IPAMClaim. */
  readonly claim?: string;
}

const namespace = "kube-system";

export class Whereabouts {
  readonly #api: ApiServer;
  /** `network_name`. */
  readonly #prefix: string;

  constructor(api: ApiServer, prefix = "") {
    this.#api = api;
    this.#prefix = prefix;
  }

  nameOf(range: string): string {
    return `${this.#prefix === "" ? "" : `${this.#prefix}-`}${range.replace(/[:/]/g, "-")}`;
  }

  reservationOf(address: string): string {
    const own = (address.endsWith(":") ? `${address}0` : address).replaceAll(":", "-");
    return `${this.#prefix === "" ? "" : `${this.#prefix}-`}${own}`;
  }

  async pool(range: string): Promise<Json> {
    return await this.#api.get("ippools", namespace, this.nameOf(range)) ??
      { metadata: { namespace, name: this.nameOf(range) }, spec: { range, allocations: {} } };
  }

  /** `10.1.0.1 shop/web-0 c1 net1`, in order. */
  async lines(range: string): Promise<readonly string[]> {
    const { spec } = await this.pool(range), first = networkOf(parsePrefix(range)).address;
    return Object.entries<Json>(spec.allocations).map(([offset, { podref, id, ifname }]) =>
      [formatAddress(addOffset(first, BigInt(offset)) ?? first), podref, id, ifname].join(" ").trim()).sort();
  }

  async reservations(): Promise<readonly string[]> {
    return (await this.#api.list("overlappingrangeipreservations"))
      .map(({ metadata, spec }) => `${metadata.name} ${spec.podref}`).sort();
  }

  /** The lowest free address, in both books, and the pod says that it has it. */
  async add(
    range: string, pod: WhereaboutsPod, { from = 1, network = "shop/lan", guarded = true } = {},
  ): Promise<string> {
    const pool = await this.pool(range), { address: first } = networkOf(parsePrefix(range));
    let offset = from;
    while (String(offset) in pool["spec"].allocations) offset++;
    const address = formatAddress(addOffset(first, offset) ?? first), podref = `shop/${pod.name}`;
    const { ifName = "net1", container, claim } = pod, ofClaim = claim === undefined ? {} : { ipamclaimref: claim };
    const own = { id: container, podref, ifname: ifName, ...ofClaim };
    const allocations = { ...pool["spec"].allocations, [offset]: own };
    await this.#api.put("ippools", { ...pool, spec: { ...pool["spec"], allocations } });
    if (guarded)
      await this.#api.put("overlappingrangeipreservations", {
        metadata: { namespace, name: this.reservationOf(address) },
        spec: { containerid: container, podref, ifname: ifName, ...ofClaim } });
    await tellAddress(this.#api, pod, { network, address });
    return address;
  }

  /** As its executable does it: by container and interface. */
  async del(range: string, container: string, ifName = "net1"): Promise<void> {
    const pool = await this.pool(range), allocations = Object.entries<Json>(pool["spec"].allocations);
    const kept = allocations.filter(([, { id, ifname }]) => id !== container || ifname !== ifName);
    await this.#api.put("ippools", { ...pool, spec: { ...pool["spec"], allocations: Object.fromEntries(kept) } });
    for (const { metadata, spec } of await this.#api.list("overlappingrangeipreservations"))
      if (spec.containerid === container && spec.ifname === ifName)
        await this.#api.remove("overlappingrangeipreservations", namespace, metadata.name);
  }
}

/** A pod that is there, with what network-status says of it so far and one address more. */
export async function tellAddress(
  api: ApiServer, { name, node, uid = `uid-${name}` }: WhereaboutsPod,
  { network, address }: { readonly network: string; readonly address: string },
): Promise<void> {
  const key = "k8s.v1.cni.cncf.io/network-status", known = await api.getPod({ namespace: "shop", name });
  const status = JSON.parse(known?.["metadata"].annotations?.[key] ?? "[]") as Json[];
  await api.putPod({ namespace: "shop", name, uid, spec: { nodeName: node, containers: [] },
    annotations: { [key]: JSON.stringify([...status, { name: network, interface: "net1", ips: [address] }]) } });
}
