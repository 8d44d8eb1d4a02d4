// Addresses and routes, written back whole on the same link or on another one.
import * as assert from "uvu/assert";
import { factsOfAddress, factsOfRoute, openOwnNamespace, openWholeState, relinked } from "../../../src/kernel/index.ts";
import type { WholeRoute, WholeState } from "../../../src/kernel/index.ts";
import { formatAddress, formatPrefix } from "../../../src/net/index.ts";
import { throws } from "../../helpers/errors.ts";
import { kernelSuite, run } from "../../helpers/netns.ts";

let state: WholeState;
let v0 = 0, v2 = 0;

const whole = kernelSuite("addresses and routes, whole", import.meta.url, { needs: ["ipv6"] });

whole.before(() => {
  for (const [name, peer] of [["v0", "v1"], ["v2", "v3"]] as const) {
    run("ip", "link", "add", name, "type", "veth", "peer", "name", peer);
    for (const end of [name, peer]) run("sysctl", "-q", "-w", `net.ipv6.conf.${end}.accept_dad=0`);
    for (const end of [name, peer]) run("ip", "link", "set", end, "up");
  }
  for (const line of [
    "addr add 10.1.0.1/24 brd + dev v0", "addr add 10.1.0.2/24 dev v0 label v0:x valid_lft 9000 preferred_lft 800",
    "addr add 10.3.0.1 peer 10.3.0.9/32 dev v0", "addr add fd00::1/64 dev v0 nodad metric 77",
    "addr add fd00::9/64 dev v0 valid_lft 9000 preferred_lft 0",
    "route add default via 10.1.0.254 metric 5 mtu 1400 src 10.1.0.1 proto static",
    "route add 10.9.0.0/16 nexthop via 10.1.0.7 weight 3 nexthop via 10.1.0.8",
    "route add 10.8.0.0/16 via 10.1.0.7 table 7777", "route add 10.7.0.0/16 via 10.77.0.7 dev v0 onlink tos 8",
    "-6 route add default via fe80::1 dev v0 expires 600 proto ra pref high",
    "-6 route add fd77::/48 via fd00::7 metric 8",
    "-6 route add fd78::/48 nexthop via fd00::7 nexthop via fd00::8 weight 2",
    "route add blackhole 10.66.0.0/16",
  ]) run("ip", ...line.split(" "));
  const host = openOwnNamespace();
  [v0, v2] = [host.links.get("v0").index, host.links.get("v2").index];
  state = openWholeState(host.links.list());
});

/** A link's addresses, in order, and the routes over it; without what passes with time. */
function seen(link: string): { readonly addresses: readonly string[]; readonly routes: readonly string[] } {
  const lines = (text: string): readonly string[] => text.replaceAll(/\b(\d+)sec/g, (_, seconds) => {
    return `${Math.round(Number(seconds) / 100)}00sec`;
  }).replaceAll(new RegExp(`\\b${link}\\b`, "g"), "LINK").split("\n").map((line) => line.trim()).filter(isOurs);
  const routes = ["-4", "-6"].flatMap((family) => {
    return lines(run("ip", "-o", family, "route", "show", "table", "all"));
  });
  return {
    addresses: lines(run("ip", "-o", "addr", "show", "dev", link)).map((line) => line.replace(/^\d+: /, "")),
    routes: routes.filter((line) => line.includes("LINK")).toSorted(),
  };
}

/** Every link has link-local ones of its own, and the kernel keeps table local. */
function isOurs(line: string): boolean {
  return line !== "" && !/fe80::\S+\/64|^fe80|^multicast|table local/.test(line);
}

const over = (index: number): readonly WholeRoute[] => state.routes.list().filter((route) => {
  const { hops, dst } = factsOfRoute(route);
  return hops.some((hop) => hop.index === index) && !formatAddress(dst.address).startsWith("fe80");
});

const own = (index: number): readonly string[] => state.addresses.list(index)
  .filter((one) => !formatAddress(factsOfAddress(one).address).startsWith("fe80"));

/** Networks before what is behind a gateway in them; the kernel may have made some already. */
function putAll(addresses: readonly string[], routes: readonly WholeRoute[], index: number): void {
  for (const one of addresses) {
    const { label } = factsOfAddress(one);
    state.addresses.put(one, { index, label: index === v0 ? label : label?.replace("v0", "v2") });
  }
  for (const hasGateway of [false, true]) for (const route of routes) {
    if (factsOfRoute(route).hops.some(({ gateway }) => gateway !== undefined) !== hasGateway) continue;
    try {
      state.routes.add(route);
    } catch (error) {
      if (!(error instanceof Error && error.message.includes("EEXIST"))) throw error;
    }
  }
}

function deleteAll(addresses: readonly string[], routes: readonly WholeRoute[], index: number): void {
  for (const route of routes) state.routes.delete(route);
  for (const one of addresses.toReversed()) state.addresses.delete(one, index);
}

whole("tell what they are", () => {
  assert.equal(own(v0).map(factsOfAddress).map((one) => [formatPrefix(one), one.label, one.isPermanent]), [
    ["10.1.0.1/24", "v0", true], ["10.3.0.1/32", "v0", true], ["10.1.0.2/24", "v0:x", false],
    ["fd00::1/64", undefined, true], ["fd00::9/64", undefined, false],
  ]);
  const routes = over(v0).map(factsOfRoute);
  const [byDefault] = routes.filter(({ shown, family }) => shown === "default" && family === 4);
  assert.is(formatAddress(byDefault?.hops[0]?.gateway ?? { family: 4, bytes: new Uint8Array(4) }), "10.1.0.254");
  assert.is(formatAddress(byDefault?.source ?? { family: 4, bytes: new Uint8Array(4) }), "10.1.0.1");
  assert.equal(routes.filter(({ shown }) => shown === "10.9.0.0/16").map(({ hops }) => hops.length), [2]);
  assert.equal(routes.filter(({ shown }) => shown === "fd78::/48").map(({ hops }) => hops.length), [1, 1]);
  assert.equal(routes.filter(({ shown }) => shown === "10.8.0.0/16").map(({ table }) => table), [7777]);
  assert.ok(state.routes.list().some((route) => factsOfRoute(route).hops.length === 0)); // the blackhole
});

whole("come back on their link as they were", () => {
  const before = seen("v0"), addresses = own(v0), routes = over(v0);
  assert.ok(before.routes.length > 8, before.routes.join("\n"));
  deleteAll(addresses, routes, v0);
  assert.equal(seen("v0"), { addresses: [], routes: [] });
  putAll(addresses, routes, v0);
  assert.equal(seen("v0"), before);
});

whole("are on another link what they were on the first, and leave it again", () => {
  const before = seen("v0"), addresses = own(v0), routes = over(v0);
  const elsewhere = routes.map((route) => relinked(route, v0, v2));
  deleteAll(addresses, routes, v0);
  putAll(addresses, elsewhere, v2);
  assert.equal(seen("v2"), before);
  deleteAll(addresses, elsewhere, v2);
  assert.equal(seen("v2"), { addresses: [], routes: [] });
  putAll(addresses, routes, v0);
  assert.equal(seen("v0"), before);
});

whole("that are not there cannot be deleted, and errors name link and gateway", () => {
  const [address = ""] = own(v0), [route] = over(v0);
  assert.match(throws(() => state.addresses.delete(address, v2), "EADDRNOTAVAIL").message,
    /^Cannot delete address 10\.1\.0\.1\/24 from link "v2"/);
  if (route === undefined) throw new Error("there is no route");
  assert.match(throws(() => state.routes.delete(relinked(route, v0, v2)), "ESRCH").message,
    /^Cannot delete route 10\.\d\S+ (via \S+ )?on link "v2"/);
});

whole.run();
