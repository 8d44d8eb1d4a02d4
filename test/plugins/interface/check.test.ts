import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Route } from "../../../src/cni/index.ts";
import { code } from "../../../src/cni/index.ts";
import { parseAddress, parsePrefix } from "../../../src/net/index.ts";
import {
  checkedLink, containerInterface, matchesRoute, requirePrevResult,
} from "../../../src/plugins/interface/check.ts";
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

const match = suite("matchesRoute");

const kernel = { dst: parsePrefix("10.9.0.0/16"), gateway: parseAddress("10.1.2.1"), table: 254, scope: 0, protocol: 3,
  type: 1 };
const kernelDefault = { ...kernel, dst: parsePrefix("0.0.0.0/0") };
const rows: readonly (readonly [string, typeof kernel, Route, boolean])[] = [
  ["destination and gateway", kernel, { dst: "10.9.0.0/16", gw: "10.1.2.1" }, true],
  ["the destination alone", kernel, { dst: "10.9.0.0/16" }, true],
  ["not another gateway", kernel, { dst: "10.9.0.0/16", gw: "10.1.2.2" }, false],
  ["not another length", kernel, { dst: "10.9.0.0/17" }, false],
  ["a default route, whatever its gateway", kernelDefault, { dst: "0.0.0.0/0", gw: "10.1.2.9" }, true],
  ["not a default route of the other family", kernelDefault, { dst: "::/0" }, false],
  ["its own table", kernel, { dst: "10.9.0.0/16", table: 254 }, true],
  ["not another table", kernel, { dst: "10.9.0.0/16", table: 100 }, false],
  ["any table when it names none", { ...kernel, table: 100 }, { dst: "10.9.0.0/16" }, true],
];
for (const [name, candidate, route, expected] of rows) match(`takes ${name}`,
  () => assert.is(matchesRoute(candidate, route), expected));
match.run();
