import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../src/cni/index.ts";
import { parseResult } from "../../src/cni/index.ts";
import type { StatusInput } from "../../src/nad/index.ts";
import { addedMessage, networkStatus } from "../../src/nad/index.ts";

const nothing: Result = { interfaces: [], ips: [], routes: [], dns: {} };
const inPod = { name: "net1", mac: "02:00:00:00:00:01", mtu: 1400, sandbox: "/ns" };
const second = { name: "net1b", sandbox: "/ns" };
const onHost = { name: "veth0", mac: "02:00:00:00:00:99" };

/** The entries of one network, default or not. */
function entries(result: Partial<Result> | undefined, changes: Partial<StatusInput> = {}): unknown {
  const input = { displayName: "blue/a", isDefault: false, ifName: "net1",
    result: result === undefined ? undefined : { ...nothing, ...result }, ...changes };
  return JSON.parse(networkStatus([input]));
}

const plain = { name: "blue/a", default: false, dns: {} };

const status = suite("networkStatus");

for (const [title, result, expected] of [
  ["has a minimal entry for a network that gave no result", undefined, [plain]],
  ["has a minimal entry for an empty result", {}, [plain]],
  ["has the asked interface for addresses alone", { ips: [{ address: "10.0.0.1/24" }] },
    [{ ...plain, interface: "net1", ips: ["10.0.0.1"] }]],
  ["has interface, MAC and MTU of one in the container", { interfaces: [inPod],
    ips: [{ address: "10.0.0.1/24", interface: 0 }, { address: "2001:db8::1/64", interface: 0 }] },
    [{ ...plain, interface: "net1", ips: ["10.0.0.1", "2001:db8::1"], mac: "02:00:00:00:00:01", mtu: 1400 }]],
  ["has all addresses of a lone interface, whatever they point at",
    { interfaces: [inPod], ips: [{ address: "10.0.0.1/24", interface: 7 }, { address: "10.0.0.2/24" }] },
    [{ ...plain, interface: "net1", ips: ["10.0.0.1", "10.0.0.2"], mac: "02:00:00:00:00:01", mtu: 1400 }]],
  ["keeps a lone host interface to itself, but not its addresses",
    { interfaces: [onHost], ips: [{ address: "10.0.0.1/24", interface: 0 }] }, [{ ...plain, ips: ["10.0.0.1"] }]],
  ["has an entry for each of several in the container, with its own addresses",
    { interfaces: [onHost, inPod, second], ips: [{ address: "10.0.0.1/24", interface: 1 },
      { address: "10.0.1.1/24", interface: 2 }, { address: "10.0.2.1/24", interface: 0 }] },
    [{ ...plain, interface: "net1", ips: ["10.0.0.1"], mac: "02:00:00:00:00:01", mtu: 1400 },
      { ...plain, interface: "net1b", ips: ["10.0.1.1"] }]],
  ["gives the last the addresses that point at none", { interfaces: [{ ...second, name: "x" }, second, onHost],
    ips: [{ address: "10.0.0.1/24" }] },
    [{ ...plain, interface: "x" }, { ...plain, interface: "net1b", ips: ["10.0.0.1"] }]],
  ["has a minimal entry when all of several are on the host",
    { interfaces: [onHost, { name: "br0" }], ips: [{ address: "10.0.0.1/24", interface: 0 }] }, [plain]],
  ["has the gateways of default routes", { interfaces: [second],
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.254" }, { dst: "::/0", gw: "fe80::1" },
    { dst: "10.9.0.0/16", gw: "10.0.0.9" }] },
    [{ ...plain, interface: "net1b", gateway: ["10.0.0.254", "fe80::1"] }]],
  ["has nothing for a default route without a gateway", { interfaces: [second], routes: [{ dst: "0.0.0.0/0" }] },
    [{ ...plain, interface: "net1b" }]],
  ["repeats gateway and dns on each of several", { interfaces: [second, { ...second, name: "x" }],
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.254" }], dns: { nameservers: ["10.0.0.53"] } },
    ["net1b", "x"].map((name) => ({ ...plain, interface: name, dns: { nameservers: ["10.0.0.53"] },
      gateway: ["10.0.0.254"] }))],
  ["has what is known of dns", { dns: { nameservers: ["10.0.0.53"], domain: "x.example", search: ["example"],
    options: ["ndots:2"] } },
    [{ ...plain, dns: { nameservers: ["10.0.0.53"], domain: "x.example", search: ["example"],
      options: ["ndots:2"] } }]],
  ["has empty dns where lists are empty", { dns: { nameservers: [], domain: "", search: [], options: [] } }, [plain]],
] as const) {
  status(title, () => assert.equal(entries(result), expected));
}

for (const [title, result, expected] of [
  ["at the default network's lone interface", { interfaces: [second] }, [true]],
  ["at a lone interface on the host", { interfaces: [onHost] }, [true]],
  ["at a network without a result", undefined, [true]],
  ["at the interface an address with a gateway points at", { interfaces: [inPod, second],
    ips: [{ address: "10.0.0.1/24", interface: 0 }, { address: "10.0.1.1/24", interface: 1, gateway: "10.0.1.254" }] },
    [false, true]],
  ["at the first in the container where no address has a gateway",
    { interfaces: [onHost, inPod, second], ips: [{ address: "10.0.0.1/24", interface: 2 }] }, [true, false]],
  ["at the first in the container where the gateway is the host's",
    { interfaces: [onHost, inPod, second], ips: [{ address: "10.0.0.1/24", interface: 0, gateway: "10.0.0.254" }] },
    [true, false]],
] as const) {
  status(`says default ${title}, once`, () => {
    const found = entries(result, { isDefault: true });
    assert.equal(Array.isArray(found) ? found.map((entry: { readonly default: boolean }) => entry.default) : found,
      expected);
  });
}

status("tells what was asked of the default route, and nothing of an empty list", () => {
  assert.equal(entries({ interfaces: [second] }, { defaultRoute: ["10.0.0.7"] }),
    [{ ...plain, interface: "net1b", "default-route": ["10.0.0.7"] }]);
  assert.equal(entries({ interfaces: [second] }, { defaultRoute: [] }), [{ ...plain, interface: "net1b" }]);
});

status("carries what is known of the device", () => {
  const info = { type: "pci", version: "1.1.0", pci: { "pci-address": "0000:01:00.1" } };
  assert.equal(entries({ interfaces: [second] }, { deviceInfo: info }),
    [{ ...plain, interface: "net1b", "device-info": info }]);
});

status("says why a network is not attached, and nothing of what it had", () => {
  const found = entries({ interfaces: [inPod], ips: [{ address: "10.0.0.1/24" }] }, { error: "no address is free" });
  assert.equal(found, [{ ...plain, error: "no address is free" }]);
  const [entry] = JSON.parse(networkStatus([{ displayName: "a", isDefault: false, ifName: "x", result: undefined,
    error: "x".repeat(5000) }]));
  assert.is(entry.error.length, 1000);
});

status("reports an attachment of a result before 0.3.0", () => {
  const old = parseResult({ ip4: { ip: "10.0.0.5/24", gateway: "10.0.0.1",
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }] } }, "0.2.0");
  assert.equal(entries(old), [{ ...plain, interface: "net1", ips: ["10.0.0.5"], gateway: ["10.0.0.1"] }]);
});

status("prints fields in their order, each object indented by four, in the networks' order", () => {
  const first: Result = { ...nothing, interfaces: [{ ...inPod, name: "eth0" }],
    ips: [{ address: "10.0.0.1/24", interface: 0 }], routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.254" }] };
  const text = networkStatus([
    { displayName: "pods", isDefault: true, ifName: "eth0", result: first, deviceInfo: { type: "pci" } },
    { displayName: "blue/a", isDefault: false, ifName: "net1", result: nothing, defaultRoute: ["10.0.0.7"] },
  ]);
  assert.is(text, `[{
    "name": "pods",
    "interface": "eth0",
    "ips": [
        "10.0.0.1"
    ],
    "mac": "02:00:00:00:00:01",
    "mtu": 1400,
    "default": true,
    "dns": {},
    "device-info": {
        "type": "pci"
    },
    "gateway": [
        "10.0.0.254"
    ]
},{
    "name": "blue/a",
    "default": false,
    "dns": {},
    "default-route": [
        "10.0.0.7"
    ]
}]`);
});

status("is an empty list without networks", () => assert.is(networkStatus([]), "[]"));

status.run();

const added = suite("addedMessage");

for (const [addresses, from, expected] of [
  [["10.0.0.1/24", "2001:db8::1/64"], "blue/a", "Add net1 [10.0.0.1/24 2001:db8::1/64] from blue/a"],
  [[], "blue/a", "Add net1 [] from blue/a"],
  [["10.0.0.1/24"], "", "Add net1 [10.0.0.1/24]"],
] as const) {
  added(`is ${expected}`, () => assert.is(addedMessage("net1", { ...nothing,
    ips: addresses.map((address) => ({ address })) }, from), expected));
}

added.run();
