/** A CNI result as the fields of Go's struct for 1.1.0, the way both ends of the socket have it. */
import type { Dns, IpConfig, Result, Route } from "../cni/index.ts";
import type { Address, Prefix } from "../net/index.ts";
import { addressFromBytes, formatAddress, formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import type { GobValue } from "./gob-reader.ts";
import { recordOf } from "./gob-reader.ts";
import type { GobFields, GobStruct } from "./gob-writer.ts";
import { DhcpError } from "./message.ts";

const ipNet: GobStruct = { struct: [["IP", "bytes"], ["Mask", "bytes"]] };
const ipConfig: GobStruct = { struct: [["Interface", "int"], ["Address", ipNet], ["Gateway", "bytes"]] };
const route: GobStruct = {
  struct: [
    ["Dst", ipNet], ["GW", "bytes"], ["MTU", "int"], ["AdvMSS", "int"], ["Priority", "int"], ["Table", "int"],
    ["Scope", "int"],
  ],
};
const dns: GobStruct = {
  struct: [
    ["Nameservers", { list: "string" }], ["Domain", "string"], ["Search", { list: "string" }],
    ["Options", { list: "string" }],
  ],
};

export const resultShape: GobStruct = {
  struct: [["CNIVersion", "string"], ["IPs", { list: ipConfig }], ["Routes", { list: route }], ["DNS", dns]],
};

export function resultFields({ ips, routes, dns }: Result): GobFields {
  return {
    // What the oldest reference plugin that speaks this protocol knows as its newest.
    CNIVersion: "1.0.0",
    IPs: ips.map(({ address, gateway }) => ({
      Address: netFields(parsePrefix(address)),
      ...(gateway === undefined ? {} : { Gateway: parseAddress(gateway).bytes }),
    })),
    Routes: routes.map(({ dst, gw, mtu, advmss, priority, table, scope }) => ({
      Dst: netFields(parsePrefix(dst)),
      ...(gw === undefined ? {} : { GW: parseAddress(gw).bytes }),
      MTU: mtu, AdvMSS: advmss, Priority: priority, Table: table, Scope: scope,
    })),
    DNS: { Nameservers: dns.nameservers, Domain: dns.domain, Search: dns.search, Options: dns.options },
  };
}

/** @throws DhcpError for addresses that are none */
export function resultOf(value: GobValue): Result {
  const { IPs, Routes, DNS } = recordOf(value);
  return {
    interfaces: [],
    ips: listOf(IPs).map(ipOf),
    routes: listOf(Routes).map(routeOf),
    dns: dnsOf(recordOf(DNS)),
  };
}

type Fields = ReturnType<typeof recordOf>;

function ipOf(value: GobValue): IpConfig {
  const { Address: net, Gateway } = recordOf(value);
  const gateway = addressOf(Gateway);
  return {
    address: formatPrefix(prefixOf(net)),
    ...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }),
  };
}

function routeOf(value: GobValue): Route {
  const { Dst, GW, MTU, AdvMSS, Priority, Table, Scope } = recordOf(value);
  const gw = addressOf(GW);
  return {
    dst: formatPrefix(prefixOf(Dst)),
    ...(gw === undefined ? {} : { gw: formatAddress(gw) }),
    ...numberAs("mtu", MTU), ...numberAs("advmss", AdvMSS), ...numberAs("priority", Priority),
    ...numberAs("table", Table), ...numberAs("scope", Scope),
  };
}

function dnsOf({ Nameservers, Domain, Search, Options }: Fields): Dns {
  const texts = (key: string, value: GobValue | undefined): Dns => {
    const list = listOf(value).filter((entry) => typeof entry === "string");
    return list.length === 0 ? {} : { [key]: list };
  };
  return {
    ...texts("nameservers", Nameservers),
    ...(typeof Domain === "string" && Domain !== "" ? { domain: Domain } : {}),
    ...texts("search", Search),
    ...texts("options", Options),
  };
}

function numberAs(key: string, value: GobValue | undefined): Record<string, number> {
  return typeof value === "number" ? { [key]: value } : {};
}

function listOf(value: GobValue | undefined): readonly GobValue[] {
  return Array.isArray(value) ? value : [];
}

function netFields({ address, prefixBits }: Prefix): GobFields {
  const mask = Uint8Array.from(address.bytes, (_, i) => 0xff & ~(0xff >> Math.max(0, Math.min(8, prefixBits - i * 8))));
  return { IP: address.bytes, Mask: mask };
}

function prefixOf(value: GobValue | undefined): Prefix {
  const { IP, Mask } = recordOf(value), address = addressOf(IP);
  if (address === undefined || !(Mask instanceof Uint8Array)) throw noAddress();
  // A mask of 16 bytes may belong to an address of IPv4.
  const bytes = Mask.subarray(Math.max(0, Mask.length - address.bytes.length));
  const prefixBits = bytes.reduce((sum, byte) => sum + Math.clz32(~(byte << 24)), 0);
  return { address, prefixBits };
}

/** Four bytes, or sixteen that begin as those of an IPv4 address in IPv6 do; undefined for none. */
function addressOf(value: GobValue | undefined): Address | undefined {
  if (!(value instanceof Uint8Array) || value.length === 0) return undefined;
  if (value.length !== 4 && value.length !== 16) throw noAddress();
  const isMapped = value.length === 16 && value.subarray(0, 10).every((byte) => byte === 0)
    && value[10] === 0xff && value[11] === 0xff;
  return addressFromBytes(isMapped ? value.subarray(12) : value);
}

function noAddress(): DhcpError {
  return new DhcpError("Cannot read the daemon's answer: it holds an address that is none");
}
