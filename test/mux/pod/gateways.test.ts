// src/mux/pod/gateways.ts: the default routes of a pod's interfaces, as iproute2 shows them.
import * as assert from "uvu/assert";
import { openHandles } from "../../../src/call/index.ts";
import { applyGateways } from "../../../src/mux/pod/gateways.ts";
import type { GatewayPlan } from "../../../src/nad/index.ts";
import { throws } from "../../helpers/errors.ts";
import { ipJson, kernelSuite, makeNetns } from "../../helpers/netns.ts";
import type { TestNetns } from "../../helpers/netns.ts";

const keep: GatewayPlan = { stripV4: false, stripV6: false, gateways: [] };
const strip: GatewayPlan = { stripV4: true, stripV6: true, gateways: [] };
const toV4: GatewayPlan = { ...keep, gateways: ["10.1.0.1"] };
const toV6: GatewayPlan = { ...keep, gateways: ["2001:db8:1::1"] };

let netns: TestNetns;
let warnings: string[] = [];

const test = kernelSuite("default routes of a pod's interfaces", import.meta.url, { needs: ["ipv6"] });

/**
 * A pod with eth0 in 10.0.0.0/24 and 2001:db8::/64, net1 in 10.1.0.0/24 and 2001:db8:1::/64, and a specific route on
 * each.
 */
test.before.each(() => {
  netns = makeNetns();
  warnings = [];
  for (const [i, name] of ["eth0", "net1"].entries()) {
    ip(`link add ${name} type veth peer name peer${i}`);
    ip(`addr add 10.${i}.0.5/24 dev ${name}`);
    ip(`addr add 2001:db8:${i}::5/64 dev ${name} nodad`);
    for (const end of [name, `peer${i}`]) ip(`link set ${end} up`);
    ip(`route add 10.9${i}.0.0/16 via 10.${i}.0.9`);
    ip(`-6 route add 2001:db8:9${i}::/48 via 2001:db8:${i}::9`);
  }
});
test.after.each(() => netns.remove());

function ip(command: string): void {
  netns.exec("ip", ...command.split(" "));
}

function apply(ifName: string, plan: GatewayPlan): void {
  const log = { error: () => {}, verbose: () => {}, debug: () => {}, warn: (message: string) => void warnings.push(message) };
  const handles = openHandles({ netns: netns.path, path: [], execute: [], modules: "", log,
    surroundings: { env: {}, tell: () => {} } });
  try {
    applyGateways(handles, ifName, plan);
  } finally {
    handles.close();
  }
}

interface Shown {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly metric?: number;
  readonly protocol: string;
  readonly nexthops?: readonly Shown[];
}

/**
 * Default routes, IPv4 first: "10.1.0.1 net1"; of a multipath route each gateway, metrics other than the usual after
 * it.
 */
function defaults(): string[] {
  return ([4, 6] as const).flatMap((family) => ipJson(`-${family} route show default`,
    netns).flatMap((route: Shown) => (
    (route.nexthops ?? [route]).map(({ gateway = "-", dev }) => (
      `${gateway} ${dev}${[undefined, 1024].includes(route.metric) ? "" : ` ${route.metric}`}`)))));
}

/** Everything but the default routes and what the kernel adds by itself, in its own time: link-local and multicast. */
function others(): string[] {
  return ([4, 6] as const).flatMap((family) => ipJson(`-${family} route show table all`, netns) as Shown[])
    .filter(({ dst }) => dst !== "default" && !/^(?:fe80:|ff)/.test(dst))
    .map((route) => JSON.stringify(route)).toSorted();
}

const beforeAndAfter: readonly {
  readonly title: string; readonly given: readonly string[]; readonly plans: readonly (readonly [string,
    GatewayPlan])[]; readonly expected: readonly string[];
}[] = [
  {
    title: "move from eth0 to net1, one of each family",
    given: ["route add default via 10.0.0.1", "-6 route add default via 2001:db8::1"],
    plans: [["eth0", strip], ["net1", { ...keep, gateways: ["10.1.0.1", "2001:db8:1::1"] }]],
    expected: ["10.1.0.1 net1", "2001:db8:1::1 net1"],
  },
  {
    title: "move for IPv4 alone where only IPv4 was asked for",
    given: ["route add default via 10.0.0.1", "-6 route add default via 2001:db8::1"],
    plans: [["eth0", { ...strip, stripV6: false }], ["net1", toV4]],
    expected: ["10.1.0.1 net1", "2001:db8::1 eth0"],
  },
  {
    title: "move for IPv6 alone where only IPv6 was asked for",
    given: ["route add default via 10.0.0.1", "-6 route add default via 2001:db8::1"],
    plans: [["eth0", { ...strip, stripV4: false }], ["net1", toV6]],
    expected: ["10.0.0.1 eth0", "2001:db8:1::1 net1"],
  },
  {
    title: "of families of their own go to interfaces of their own",
    given: ["route add default via 10.0.0.1", "-6 route add default via 2001:db8::1"],
    plans: [["eth0", { stripV4: true, stripV6: false, gateways: ["2001:db8::2"] }],
      ["net1", { stripV4: false, stripV6: true, gateways: ["10.1.0.1"] }]],
    expected: ["10.1.0.1 net1", "2001:db8::2 eth0"],
  },
  { title: "are made where there was none", given: [], plans: [["net1", { ...keep, gateways: ["10.1.0.1",
    "2001:db8:1::1"] }]], expected: ["10.1.0.1 net1", "2001:db8:1::1 net1"] },
  { title: "are made through a link-local gateway", given: [], plans: [["net1", { ...keep, gateways: ["fe80::1"] }]],
    expected: ["fe80::1 net1"] },
  { title: "that are as planned already stay", given: ["route add default via 10.1.0.1"],
    plans: [["net1", toV4], ["net1", toV4]], expected: ["10.1.0.1 net1"] },
  {
    title: "of any metric are replaced",
    given: [100, 200].flatMap((metric) => [`route add default via 10.1.0.7 metric ${metric}`,
      `-6 route add default via 2001:db8:1::7 metric ${metric}`]),
    plans: [["net1", { ...keep, gateways: ["10.1.0.1", "2001:db8:1::1"] }]],
    expected: ["10.1.0.1 net1", "2001:db8:1::1 net1"],
  },
  {
    title: "of any metric are stripped",
    given: ["route add default via 10.1.0.7", "route add default via 10.1.0.1 metric 50",
      "-6 route add default via 2001:db8:1::1", "-6 route add default via 2001:db8:1::1 metric 50"],
    plans: [["net1", strip]], expected: [],
  },
  {
    title: "twice the same but for the gateway are stripped",
    given: ["route add default via 10.1.0.7", "route append default via 10.1.0.8",
      "route prepend default via 10.0.0.1"],
    plans: [["net1", strip]], expected: ["10.0.0.1 eth0"],
  },
  {
    title: "with no gateway, or one of the other family, are stripped",
    given: ["route add default dev net1", "-4 route add default via inet6 2001:db8:1::1 dev net1 metric 3",
      "-6 route add default dev net1"],
    plans: [["net1", strip]], expected: [],
  },
  {
    title: "that a router advertised are stripped",
    given: ["-6 route add default via fe80::1 dev net1 proto ra expires 1000"], plans: [["net1", strip]], expected: [],
  },
  {
    title: "that are multipath are stripped",
    given: ["route add default nexthop via 10.1.0.7 nexthop via 10.1.0.8",
      "-6 route add default nexthop via 2001:db8:1::7 nexthop via 2001:db8:1::8"],
    plans: [["net1", strip]], expected: [],
  },
  {
    title: "that are multipath over several interfaces lose what is on this one",
    given: [
      "route add default nexthop via 10.0.0.1 nexthop via 10.1.0.7 nexthop via 10.1.0.8",
      "-6 route add default nexthop via 2001:db8:1::7 nexthop via 2001:db8::1 nexthop via 2001:db8:1::8",
    ],
    plans: [["net1", strip]], expected: ["10.0.0.1 eth0", "2001:db8::1 eth0"],
  },
  {
    title: "that go through a group of next hops are stripped",
    given: [
      ...[7, 8].map((n) => `nexthop add id ${n} via 10.1.0.${n} dev net1`), "nexthop add id 10 group 7/8",
        "route add default nhid 10",
      ...[17, 18].map((n) => `nexthop add id ${n} via 2001:db8:1::${n} dev net1`), "nexthop add id 20 group 17/18",
        "-6 route add default nhid 20",
    ],
    plans: [["net1", strip]], expected: [],
  },
  {
    title: "of equal metric on two interfaces, which IPv6 makes one route, are told apart",
    given: ["-6 route append default via 2001:db8::1 dev eth0", "-6 route append default via 2001:db8:1::7 dev net1"],
    plans: [["eth0", strip], ["net1", toV6]], expected: ["2001:db8:1::1 net1"],
  },
  {
    title: "stay where nothing is planned",
    given: ["route add default via 10.1.0.7", "-6 route add default via 2001:db8:1::7"], plans: [["net1", keep]],
      expected: ["10.1.0.7 net1", "2001:db8:1::7 net1"],
  },
  { title: "that are not there cannot be stripped, which is fine", given: [], plans: [["net1", strip], ["eth0", strip]],
    expected: [] },
];

for (const { title, given, plans, expected } of beforeAndAfter) {
  test(title, () => {
    const untouched = others();
    for (const command of given) ip(command);
    if (plans[0]?.[1] !== keep && given.length > 0
      && title !== "that are as planned already stay") assert.not.equal(defaults(), expected);
    for (const [ifName, plan] of plans) apply(ifName, plan);
    assert.equal(defaults(), expected);
    assert.equal(others(), untouched);
    assert.equal(warnings, []);
  });
}

test("in tables other than main stay", () => {
  ip("route add default via 10.1.0.7 table 100");
  ip("-6 route add default via 2001:db8:1::7 table 100");
  apply("net1", { ...strip, gateways: [] });
  for (const family of [4, 6]) assert.is(ipJson(`-${family} route show table 100`, netns).length, 1);
});

test("are what the kernel uses", () => {
  ip("route add default via 10.0.0.1");
  apply("eth0", strip);
  apply("net1", { ...keep, gateways: ["10.1.0.1", "2001:db8:1::1"] });
  for (const [to, gateway] of [["198.51.100.7", "10.1.0.1"], ["2001:db8:ffff::7", "2001:db8:1::1"]]) {
    assert.equal(ipJson(`route get ${to}`, netns).map((route: Shown) => [route.gateway, route.dev]),
      [[gateway, "net1"]]);
  }
});

test("of IPv6 are no longer taken from router advertisements once they are planned", () => {
  const accepted = (ifName: string): string => netns.exec("cat",
    `/proc/sys/net/ipv6/conf/${ifName}/accept_ra_defrtr`).trim();
  apply("net1", toV4);
  assert.equal(["eth0", "net1"].map(accepted), ["1", "1"]);
  apply("net1", toV6);
  assert.equal(["eth0", "net1"].map(accepted), ["1", "0"]);
  apply("eth0", strip);
  assert.equal(["eth0", "net1"].map(accepted), ["0", "0"]);
});

test("cannot go through a gateway that is in no network of the interface", () => {
  assert.is(throws(() => apply("net1", { ...keep, gateways: ["192.0.2.1"] }), 7).message,
    'Cannot set the default route via 192.0.2.1 on interface "net1": kernel said ENETUNREACH (Nexthop has invalid ' +
      'gateway); the interface has IPv4 address 10.1.0.5/24 and route 10.1.0.0/24, 10.91.0.0/16 via 10.1.0.9, ' +
      'expected a neighbour in one of its networks');
  assert.match(throws(() => apply("net1", { ...keep, gateways: ["2001:db8:0::1"] }), 7).message, new RegExp(
    '^Cannot set the default route via 2001:db8::1 on interface "net1": kernel said EHOSTUNREACH; the interface has ' +
      "IPv6 address .*2001:db8:1::5/64.* and route .*2001:db8:1::/64 metric 256.*, " +
      "expected a neighbour in one of its networks$"));
});

test("cannot go through the interface's own address in IPv6", () => {
  assert.match(throws(() => apply("net1", { ...keep, gateways: ["2001:db8:1::5"] }), 7).message,
    'Cannot set the default route via 2001:db8:1::5 on interface "net1": kernel said EINVAL (Gateway can not be a ' +
      'local address); ');
});

test("cannot be had on an interface without an address of the family", () => {
  ip("addr flush dev net1");
  assert.is(throws(() => apply("net1", toV4), 7).message,
    'Cannot set the default route via 10.1.0.1 on interface "net1": kernel said ENETUNREACH (Nexthop has invalid ' +
      'gateway); the interface has IPv4 no address and no route, expected a neighbour in one of its networks');
});

test("cannot be had on an interface that is down", () => {
  ip("link set net1 down");
  assert.match(throws(() => apply("net1", toV4), 7).message,
    "; the interface is down and has IPv4 address 10.1.0.5/24 and no route, ");
});

test("cannot be had on an interface without a link, as one that DPDK drives, which has none to lose", () => {
  ip("route add default via 10.0.0.1");
  assert.match(throws(() => apply("net7", { ...toV4, stripV6: true }), 7).message,
    'via 10.1.0.1 on interface "net7": the container has no link of that name, expected a network that makes one');
  apply("net7", strip);
  assert.equal(defaults(), ["10.0.0.1 eth0"]);
});

test("that the kernel does not have in the end are an error that says what it has", () => {
  ip("route add default via 10.1.0.7");
  const log = { error: () => {}, verbose: () => {}, debug: () => {}, warn: () => {} };
  const open = openHandles({ netns: netns.path, path: [], execute: [], modules: "", log,
    surroundings: { env: {}, tell: () => {} } });
  try {
    const { container } = open;
    // As another program would that makes its own default route at this moment, or as a kernel that only says it did.
    const idle = { ...container, routes: { ...container.routes, deleteListed: () => {}, add: () => {} } };
    const message = (plan: GatewayPlan): string => throws(() => applyGateways(Object.create(open,
      { container: { value: idle } }), "net1", plan), 110).message;
    assert.is(message(strip),
      'Cannot set the IPv4 default route of interface "net1": the kernel has default via 10.1.0.7, expected none');
    assert.is(message(toV4),
      'Cannot set the IPv4 default route of interface "net1": the kernel has default via 10.1.0.7, expected default ' +
        'via 10.1.0.1');
    assert.is(message(toV6),
      'Cannot set the IPv6 default route of interface "net1": the kernel has none, expected default via 2001:db8:1::1');
  } finally {
    open.close();
  }
});
test.run();
