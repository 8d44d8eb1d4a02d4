import type { Dns, Interface, IpConfig, Result } from "../cni/index.ts";
import { printable } from "../cni/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isDefaultRoute } from "./gateways.ts";

/** What is known of one network of a pod once its ADD has ended. */
export interface StatusInput {
  /** `namespace/name` of the object that defined it, else its CNI name. */
  readonly displayName: string;
  /** The cluster's default network. */
  readonly isDefault: boolean;
  /** The interface the plugins were asked for. */
  readonly ifName: string;
  /** As the plugins gave it, before anything was done to its routes. */
  readonly result: Result | undefined;
  /** What the selection asked for. */
  readonly defaultRoute?: readonly string[];
  readonly deviceInfo?: JsonObject;
  /** Why it could not be attached. */
  readonly error?: string;
}

/** One element of network-status; keys in the order in which they are printed. */
interface StatusEntry {
  readonly name: string;
  readonly interface?: string;
  /** Without prefix lengths: that is what readers of the annotation know. */
  readonly ips?: readonly string[];
  readonly mac?: string;
  readonly mtu?: number;
  readonly default: boolean;
  readonly dns: Dns;
  readonly "device-info"?: JsonObject;
  /** Gateways of default routes in the plugins' own result. */
  readonly gateway?: readonly string[];
  readonly "default-route"?: readonly string[];
  readonly error?: string;
}

/**
 * The text of annotation `k8s.v1.cni.cncf.io/network-status`: an entry for every interface of every network in the
 * container, in order; for a network without one a minimal entry (multi-network specification 1.3, 5.1.1).
 */
export function networkStatus(inputs: readonly StatusInput[]): string {
  return `[${inputs.flatMap(entriesOf).map((entry) => JSON.stringify(entry, null, indentation)).join(",")}]`;
}

/** The message of the event AddedInterface. */
export function addedMessage(ifName: string, result: Result, displayName: string): string {
  const addresses = result.ips.map(({ address }) => address).join(" ");
  return `Add ${ifName} [${addresses}]${displayName === "" ? "" : ` from ${displayName}`}`;
}

const indentation = 4;

/** An annotation has a size; a reason beyond this many characters is cut. */
const errorCharsMax = 1000;

function entriesOf(input: StatusInput): readonly StatusEntry[] {
  const { result, error } = input;
  if (error !== undefined) return [entry(input, { error: printable(error).slice(0, errorCharsMax) })];
  if (result === undefined) return [entry(input, {})];
  const { interfaces, ips } = result;
  const [only] = interfaces;
  // A lone interface has all addresses, whichever they point at.
  if (only !== undefined && interfaces.length === 1)
    return [entry(input, only.sandbox ? { interface: only, ips } : { ips })];
  const inContainer = interfaces.flatMap((one, index) => (one.sandbox ? [{ one, index }] : []));
  if (inContainer.length === 0)
    return [
      withoutInterface(
        input,
        ips.filter((ip) => ip.interface === undefined),
      ),
    ];
  const defaultIndex = defaultInterface(
    result,
    inContainer.map(({ index }) => index),
  );
  const last = inContainer.at(-1)?.index;
  return inContainer.map(({ one, index }) => entry(input, {
    interface: one,
    ips: ips.filter((ip) => (ip.interface ?? last) === index),
    isDefault: input.isDefault && index === defaultIndex,
  }));
}

/** Addresses alone were given to the interface that was asked for: results before 0.3.0 know no other. */
function withoutInterface(input: StatusInput, ips: readonly IpConfig[]): StatusEntry {
  return entry(input, ips.length === 0 ? {} : { interface: { name: input.ifName }, ips });
}

/** Of the interfaces in the container the one an address with a gateway points at, else the first. */
function defaultInterface({ ips }: Result, inContainer: readonly number[]): number | undefined {
  const pointed = ips.find(
    ({ gateway, interface: index }) => gateway !== undefined && index !== undefined && inContainer.includes(index),
  );
  return pointed?.interface ?? inContainer[0];
}

interface EntryParts {
  /** In the container. */
  readonly interface?: Interface;
  readonly ips?: readonly IpConfig[];
  readonly isDefault?: boolean;
  readonly error?: string;
}

function entry(
  input: StatusInput,
  { interface: found, ips = [], isDefault = input.isDefault, error }: EntryParts,
): StatusEntry {
  const { displayName, result, deviceInfo, defaultRoute = [] } = input;
  const gateways = (result?.routes ?? []).flatMap((route) => isDefaultRoute(route) && route.gw ? [route.gw] : []);
  return {
    name: displayName,
    ...(found === undefined ? {} : { interface: found.name }),
    ...(ips.length === 0 ? {} : { ips: ips.map(({ address }) => address.split("/")[0] ?? address) }),
    ...(found?.mac ? { mac: found.mac } : {}),
    ...(found?.mtu ? { mtu: found.mtu } : {}),
    default: isDefault,
    dns: dnsOf(result?.dns ?? {}),
    ...(deviceInfo === undefined ? {} : { "device-info": deviceInfo }),
    ...(gateways.length === 0 ? {} : { gateway: gateways }),
    ...(defaultRoute.length === 0 ? {} : { "default-route": defaultRoute }),
    ...(error === undefined ? {} : { error }),
  };
}

/** Always there, `{}` when nothing is known. */
function dnsOf({ nameservers = [], domain, search = [], options = [] }: Dns): Dns {
  return {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain ? { domain } : {}),
    ...(search.length === 0 ? {} : { search }),
    ...(options.length === 0 ? {} : { options }),
  };
}
