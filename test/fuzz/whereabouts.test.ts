// What whereabouts' configurations and objects say: pools that can be taken over as they are meant, or none.
import { suite } from "uvu";
import { code, confSchema, readConf } from "../../src/cni/index.ts";
import {
  DamagedObject, parsePool, parseReservation, reservationName, addressOfReservation, slicesIn,
} from "../../src/commands/ipam/whereabouts/objects.ts";
import { compareAddresses, contains, formatAddress, formatPrefix, lastOf, parseAddress } from "../../src/net/index.ts";
import type { WhereaboutsIpam } from "../../src/plugins/index.ts";
import { poolName, poolScopesOf, whereaboutsScopesOf } from "../../src/plugins/index.ts";
import type { JsonObject } from "../../src/schema/index.ts";
import { isJsonObject } from "../../src/schema/index.ts";
import type { JsonInput } from "./frame.ts";
import { fuzz, jsonInputs, wrongRefusal } from "./frame.ts";

const schema = confSchema("whereabouts");
const ipams: readonly (WhereaboutsIpam & { readonly type: string })[] = [
  { type: "whereabouts", range: "10.1.0.0/16", gateway: "10.1.0.1", exclude: ["10.1.0.0/28", "10.1.0.20/32"] },
  { type: "whereabouts", range: "10.1.0.10-10.1.0.90/24", exclude: ["10.1.0.20"] },
  { type: "whereabouts", range: "fd00::/64", range_start: "fd00::10", range_end: "fd00::90", network_name: "lan" },
  { type: "whereabouts", ipRanges: [{ range: "10.2.0.0/24" }, { range: "fd01::/112", exclude: ["fd01::/120"] }],
    enable_overlapping_ranges: false },
];
const confOf = (ipam: object): object => ({ cniVersion: "1.0.0", name: "lan", type: "macvlan", ipam });

const objectOf = ({ text }: JsonInput): JsonObject => {
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
};

const confs = suite("a configuration of whereabouts");
confs("has pools that lie in their prefixes, without what is excluded, or is refused", () => fuzz({
  ...jsonInputs(ipams.map(confOf)), title: "whereabouts configuration", weight: 2,
  accept(input) {
    const { ipam = {} } = readConf(schema, objectOf(input)), scopes = poolScopesOf(ipam);
    if (scopes.length === 0 || scopes.some(({ pools }) => pools.length === 0)) return "has no pool";
    const names = scopes.map(({ scope }) => scope).toSorted().join();
    if (whereaboutsScopesOf(ipam).toSorted().join() !== names) return `is looked for elsewhere by DEL than in ${names}`;
    const excluded = [ipam.exclude, ...(ipam.ipRanges ?? []).map((one) => one.exclude)].flatMap((one) => one ?? []);
    for (const { subnet, ranges } of scopes.flatMap(({ pools }) => pools)) {
      for (const { first, last } of ranges) {
        const isInside = contains(subnet, first) && contains(subnet, last) && compareAddresses(first, last) <= 0;
        if (!isInside) return `has ${formatAddress(first)}-${formatAddress(last)} of ${formatPrefix(subnet)}`;
        const edges = [formatAddress(subnet.address), formatAddress(lastOf(subnet))];
        if (edges.includes(formatAddress(first)) || edges.includes(formatAddress(last)))
          return "gives an edge of its prefix";
        if (excluded.includes(formatAddress(first))) return `gives the excluded ${formatAddress(first)}`;
      }
    }
    return undefined;
  },
  refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusal(error, { codes: [code.invalidConfig], names: /ipam|network|ranges/ })),
}));
confs.run();

const metadata = { name: "10.1.0.0-16", namespace: "kube-system", resourceVersion: "5" };
const allocation = { id: "pod-1", podref: "blue/web", ifname: "eth0" };
const pool = { kind: "IPPool", metadata, spec: { range: "10.1.0.0/16", allocations: { 5: allocation,
  65535: { ...allocation, ipamclaimref: "blue/claim" } } } };
const small = { kind: "IPPool", metadata: { ...metadata, name: "lan-fd00---64" }, spec: { range: "fd00::/64",
  allocations: { 1: allocation } } };
/** Of no prefix that anybody could have given. */
const misnamed = { ...small, metadata: { ...metadata, name: "-fd00---64" } };

const objects = suite("an object of whereabouts");
/** What cannot be used is told in words that name the object. */
const refuse = (error: unknown, input: JsonInput): string | undefined => {
  if (input.paths === undefined && error instanceof SyntaxError) return undefined;
  return error instanceof DamagedObject && /^(IPPool|OverlappingRangeIPReservation)/.test(error.message)
    ? undefined : `is refused with ${error instanceof Error ? error.stack : String(error)}`;
};
objects("that is a pool has allocations of its range, or is damaged", () => fuzz({
  ...jsonInputs([pool, small, misnamed]), title: "IPPool",
  accept(input) {
    const { range, allocations, prefix, name } = parsePool(objectOf(input)), isNamedOtherwise = prefix === name;
    const wrong = [...allocations].find(([address, one]) => !contains(range, parseAddress(address))
      || Object.values(one).some((text) => typeof text !== "string"));
    if (wrong !== undefined) return `has ${JSON.stringify(wrong)}`;
    return isNamedOtherwise || name === poolName(prefix, range) ? undefined : `has the prefix ${prefix} of ${name}`;
  },
  refuse,
}));
objects("that is a reservation has an owner, or is damaged", () => fuzz({
  ...jsonInputs([{ metadata: { ...metadata, name: "10.1.0.5" }, spec: { containerid: "c", podref: "blue/web",
    ifname: "eth0" } }, { metadata: { ...metadata, name: "lan-fd00--5" }, spec: { podref: "blue/web" } }]),
  title: "OverlappingRangeIPReservation",
  accept(input) {
    const { name, podRef, containerId, ifName, claim } = parseReservation(objectOf(input));
    if (![podRef, containerId, ifName, claim].every((one) => typeof one === "string"))
      return "has an owner that is no text";
    for (const prefix of ["", "lan"]) {
      const address = addressOfReservation(name, prefix);
      if (address !== undefined && addressOfReservation(reservationName(prefix, address), prefix) === undefined)
        return `is of ${formatAddress(address)}, whose reservation has another name`;
    }
    return undefined;
  },
  refuse,
}));
objects("that has slices gives those that can be read", () => fuzz({
  ...jsonInputs([{ spec: { range: "10.1.0.0/16", sliceSize: "/24" }, status: { allocations: [
    { nodeName: "one", sliceRange: "10.1.1.0/24" }, { nodeName: "", sliceRange: "10.1.2.0/24" }] } }]),
  title: "NodeSlicePool",
  accept(input) {
    const slices = slicesIn(objectOf(input));
    if (slices.length === 0) throw new DamagedObject("IPPool: none");
    return slices.every(({ node, slice, range }) => node !== "" && formatPrefix(slice) !== ""
      && formatPrefix(range) !== "")
      ? undefined : "has a slice of nobody";
  },
  refuse,
}));
objects.run();
