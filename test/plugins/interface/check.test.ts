import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result, Route } from "../../../src/cni/index.ts";
import { code } from "../../../src/cni/index.ts";
import type { Link, Namespace } from "../../../src/kernel/index.ts";
import { networkOf, parseAddress, parsePrefix } from "../../../src/net/index.ts";
import {
  checkAddressesAndRoutes, checkedLink, containerInterface, requirePrevResult,
} from "../../../src/plugins/interface/check.ts";
import { counted } from "../../helpers/counts/reads.ts";
import { throws } from "../../helpers/errors.ts";
import { linksOf } from "../../helpers/scripted-links.ts";

const attachment = { containerId: "c", netns: "/n", ifName: "eth0", args: "", path: [] };

const previous = suite("requirePrevResult");
previous("refuses a CHECK without one", () => void throws(() => requirePrevResult(undefined, "blue"),
  code.invalidConfig));
previous.run();

const entry = suite("containerInterface");
entry("is the last one of that name and sandbox", () => {
  const interfaces = [{ name: "eth0", sandbox: "/n", mac: "1" }, { name: "eth0", sandbox: "/n", mac: "2" },
    { name: "eth0" }, { name: "eth1", sandbox: "/n" }];
  assert.is(containerInterface({ interfaces, ips: [], routes: [], dns: {} }, attachment).mac, "2");
});
entry("refuses another sandbox", () => {
  const interfaces = [{ name: "eth0", sandbox: "/other" }];
  assert.match(throws(() => containerInterface({ interfaces, ips: [], routes: [], dns: {} }, attachment),
    code.attachmentBroken).message, /sandbox "\/n"/);
});
entry.run();

const link = suite("checkedLink");
// checkedLink looks at nothing else of a namespace.
const namespace = { links: linksOf([["eth0", "02:00:00:00:00:0a"]]) } as unknown as Parameters<typeof checkedLink>[0];
link("takes the MAC in any case, or none", () => {
  for (const mac of ["02:00:00:00:00:0A", "", undefined]) assert.is(checkedLink(namespace,
    { name: "eth0", ...(mac === undefined ? {} : { mac }) }).name, "eth0");
});
link("refuses a missing link, another MAC, another kind", () => {
  assert.match(throws(() => checkedLink(namespace, { name: "eth1" }), code.attachmentBroken).message,
    /"eth1": it is gone/);
  assert.match(throws(() => checkedLink(namespace, { name: "eth0", mac: "02:00:00:00:00:0b" }),
    code.attachmentBroken).message, /its MAC is 02:00:00:00:00:0a, expected 02:00:00:00:00:0b/);
  assert.match(throws(() => checkedLink(namespace, { name: "eth0" }, "veth"), code.attachmentBroken).message,
    /its kind is physical, expected veth/);
});
link.run();

const match = suite("checkAddressesAndRoutes");

const kernel = { dst: parsePrefix("10.9.0.0/16"), gateway: parseAddress("10.1.2.1"), table: 254, scope: 0, protocol: 3,
  type: 1 };
const kernelDefault = { ...kernel, dst: parsePrefix("0.0.0.0/0") };
const eth0 = { index: 2, name: "eth0" } as Link;

/** The verdict over a container that has these, which is asked for nothing else; undefined when all is there. */
function verdict(
  { ips = [], routes }: Partial<Result>, present: readonly object[], held: readonly object[] = [],
): string | undefined {
  const container = { addresses: { list: () => held }, routes: { list: () => present } } as unknown as Namespace;
  try {
    checkAddressesAndRoutes(container, eth0, { interfaces: [eth0], ips, routes: routes ?? [], dns: {} });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const rows: readonly (readonly [string, typeof kernel, Route, boolean])[] = [
  ["destination and gateway", kernel, { dst: "10.9.0.0/16", gw: "10.1.2.1" }, true],
  ["the destination alone", kernel, { dst: "10.9.0.0/16" }, true],
  ["the destination with host bits", kernel, { dst: "10.9.8.7/16", gw: "" }, true],
  ["not another gateway", kernel, { dst: "10.9.0.0/16", gw: "10.1.2.2" }, false],
  ["not another length", kernel, { dst: "10.9.0.0/17" }, false],
  ["a default route, whatever its gateway", kernelDefault, { dst: "0.0.0.0/0", gw: "10.1.2.9" }, true],
  ["not a default route of the other family", kernelDefault, { dst: "::/0" }, false],
  ["its own table", kernel, { dst: "10.9.0.0/16", table: 254 }, true],
  ["its own table and gateway", kernel, { dst: "10.9.0.0/16", gw: "10.1.2.1", table: 254 }, true],
  ["not another table", kernel, { dst: "10.9.0.0/16", table: 100 }, false],
  ["any table when it names none", { ...kernel, table: 100 }, { dst: "10.9.0.0/16" }, true],
];
for (const [name, candidate, route, isThere] of rows) {
  match(`takes ${name}`, () => {
    const message = verdict({ routes: [route] }, [candidate]);
    if (isThere) assert.is(message, undefined);
    else assert.match(message ?? "", /^Cannot find route .* of interface "eth0": it is gone$/);
  });
}

match("wants every address of the interface, and the route to its network unless it is alone in it", () => {
  const held = [parsePrefix("10.9.0.3/16"), parsePrefix("10.8.0.3/32")];
  const ips = [{ address: "10.9.0.3/16", interface: 0 }, { address: "10.8.0.3/32" },
    { address: "10.7.0.3/16", interface: 1 }];
  assert.is(verdict({ ips }, [kernel], held), undefined);
  assert.is(verdict({ ips }, [], held), 'Cannot find the route to 10.9.0.0/16 of interface "eth0": it is gone');
  assert.is(verdict({ ips }, [kernel], held.slice(1)),
    'Cannot find address 10.9.0.3/16 on interface "eth0": it holds 10.8.0.3/32');
});

match("goes over thousands of addresses and routes once each", () => {
  const count = 4096, texts = Array.from({ length: count }, (_, i) => `10.${i >> 8}.${i & 255}.1/24`);
  const present = counted(texts.map((text) => ({ ...kernel, dst: networkOf(parsePrefix(text)) })));
  const held = counted(texts.map(parsePrefix));
  const result = { ips: texts.map((address) => ({ address })), routes: texts.map((dst) => ({ dst, gw: "10.1.2.1" })) };
  assert.is(verdict(result, present.list, held.list), undefined);
  assert.ok(present.reads() <= 3 * count && held.reads() <= 3 * count, `${present.reads()}, ${held.reads()} reads`);
});
match.run();
