import { suite } from "uvu";
import * as assert from "uvu/assert";
import { selectionCapabilities, undeclaredCapabilities } from "../../src/nad/index.ts";

const plain = { namespace: "blue", name: "a" };
const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
const full = { ...plain, ifName: "eth1", ips: ["10.0.0.1/24"], mac: "02:00:00:00:00:01",
  infinibandGuid: "02:00:00:00:00:00:00:01", portMappings, bandwidth: { ingressRate: 1 }, deviceId: "own",
  cniArgs: { x: 1 }, defaultRoute: ["10.0.0.254"], ipamClaim: "c" };

const capabilities = suite("selectionCapabilities");

for (const [title, selection, allocated, expected] of [
  ["asks for nothing by itself", plain, undefined, {}],
  ["carries every wish under the convention's name", full, undefined, {
    portMappings, bandwidth: { ingressRate: 1 }, ips: ["10.0.0.1/24"], mac: "02:00:00:00:00:01",
      infinibandGUID: "02:00:00:00:00:00:00:01", deviceID: "own",
  }],
  ["puts an allocated device before the selection's own", { ...plain, deviceId: "own" }, "allocated",
    { deviceID: "allocated" }],
  ["takes the selection's own when none was allocated", { ...plain, deviceId: "own" }, "", { deviceID: "own" }],
] as const) {
  capabilities(title, () => assert.equal(selectionCapabilities(selection, allocated), expected));
}

capabilities.run();

const undeclared = suite("undeclaredCapabilities");
const wanted = { ips: ["10.0.0.1"], mac: "02:00:00:00:00:01" };

for (const [title, conf, expected] of [
  ["names what a single plugin does not declare", { type: "x", capabilities: { ips: true } }, ["mac"]],
  ["names what is declared false", { type: "x", capabilities: { ips: true, mac: false } }, ["mac"]],
  ["names everything where nothing is declared", { type: "x" }, ["ips", "mac"]],
  ["is content with one plugin of a list for each", { plugins: [{ type: "x", capabilities: { ips: true } }, { type: "y",
    capabilities: { mac: true } }] }, []],
  ["does not take the list's own key for a plugin's", { capabilities: { ips: true, mac: true },
    plugins: [{ type: "x" }] }, ["ips", "mac"]],
] as const) {
  undeclared(title, () => assert.equal(undeclaredCapabilities(conf, wanted), expected));
}

undeclared("does not ask for a device to be declared", () => {
  assert.equal(undeclaredCapabilities({ type: "x" }, { deviceID: "d", CNIDeviceInfoFile: "/x" }), []);
});

undeclared.run();
