// src/plugins/flannel: what is made of flanneld's file and of a configuration, as its documentation says.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, code } from "../../../src/cni/index.ts";
import type { PluginConf } from "../../../src/plugins/index.ts";
import { delegateConf, flannelSettings, lenientSettings } from "../../../src/plugins/flannel/conf.ts";
import { parseSubnetEnv } from "../../../src/plugins/flannel/subnet-env.ts";

const v4 = "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\n";
const v6 = "FLANNEL_IPV6_NETWORK=fc00::/48\nFLANNEL_IPV6_SUBNET=fc00::1/64\n";
const rest = "FLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n";
const request = (more: object, trusted = true) => ({
  attachment: { containerId: "c", netns: "", ifName: "eth0", args: "", path: [] }, trusted,
  conf: { cniVersion: "1.0.0", name: "mynet", type: "flannel", ...more } as PluginConf,
});
const made = (more: object = {}, env = v4 + rest): object => {
  const { conf } = request(more);
  return delegateConf(flannelSettings(request(more)), conf, parseSubnetEnv(env, "subnet.env"));
};
const refuses = (work: () => unknown, number: number, message: RegExp): void => {
  try {
    work();
  } catch (error) {
    assert.instance(error, CniError);
    assert.match((error as CniError).message, message);
    assert.is((error as CniError).code, number);
    return;
  }
  assert.unreachable();
};

const documented = { cniVersion: "1.0.0", name: "mynet", type: "bridge", mtu: 1472, ipMasq: false, isGateway: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.17.0/24" }]], routes: [{ dst: "10.1.0.0/16" }] } };
const delegates = suite("delegateConf");
for (const [what, conf, expected, env] of [
  ["a bridge by default", {}, documented],
  ["keys of the delegate's, before flanneld's", { delegate: { bridge: "mynet0", mtu: 1400 } },
    { ...documented, bridge: "mynet0", mtu: 1400 }],
  ["those keys in any case", { delegate: { IsGateway: false, ipmasq: true } },
    { cniVersion: "1.0.0", name: "mynet", type: "bridge", mtu: 1472, IsGateway: false, ipmasq: true,
      ipam: documented.ipam }],
  ["another delegate, which is no gateway", { delegate: { type: "ipvlan", master: "eth0" } },
    { cniVersion: "1.0.0", name: "mynet", type: "ipvlan", mtu: 1472, ipMasq: false, master: "eth0",
      ipam: documented.ipam }],
  ["routes and other keys of an ipam section, and its type", { ipam: { type: "my-ipam", x: 1,
    subnet: "10.99.0.0/24", ranges: [], routes: [{ dst: "10.96.0.0/12" }] } },
  { ...documented, ipam: { type: "my-ipam", x: 1, ranges: documented.ipam.ranges,
    routes: [{ dst: "10.96.0.0/12" }, { dst: "10.1.0.0/16" }] } }],
  ["what the runtime gives", { runtimeConfig: { portMappings: [{ hostPort: 80 }] } },
    { ...documented, runtimeConfig: { portMappings: [{ hostPort: 80 }] } }],
  ["both families", {}, { ...documented, ipam: { type: "host-local",
    ranges: [[{ subnet: "10.1.17.0/24" }], [{ subnet: "fc00::/64" }]],
    routes: [{ dst: "10.1.0.0/16" }, { dst: "fc00::/48" }] } }, v4 + v6 + rest],
  ["IPv6 alone, and masquerading where flanneld does not", {}, { ...documented, ipMasq: true, ipam: {
    type: "host-local", ranges: [[{ subnet: "fc00::/64" }]], routes: [{ dst: "fc00::/48" }] } },
  `${v6}FLANNEL_MTU=1472\nFLANNEL_IPMASQ=false\n`],
  ["each of several networks", {}, { ...documented, ipam: { ...documented.ipam,
    routes: [{ dst: "10.1.0.0/16" }, { dst: "192.168.0.0/16" }] } },
  `FLANNEL_NETWORK=10.1.0.0/16,192.168.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\n${rest}`],
] as const) {
  delegates(`makes ${what}`, () => assert.equal(made(conf, env), expected));
}
delegates("makes without flanneld's part what a DEL works from", () => {
  const { conf } = request({});
  assert.equal(delegateConf(lenientSettings(request({})), conf, undefined),
    { cniVersion: "1.0.0", name: "mynet", type: "bridge", isGateway: true, ipam: { type: "host-local" } });
});
delegates.run();

const settings = suite("flannelSettings");
for (const [what, conf, message] of [
  ["a name of the delegate's", { delegate: { name: "x" } }, /delegate\.name: flannel sets it/],
  ["an ipam section in it", { delegate: { ipam: {} } }, /delegate\.ipam: flannel sets it, expected it beside/],
  ["a type that is none", { delegate: { type: 1 } }, /delegate\.type: it is 1/],
  ["itself", { delegate: { type: "flannel" } }, /delegate to itself/],
  ["a delegate that is no object", { delegate: "bridge" }, /delegate is "bridge"/],
  ["an ipam section that is none", { ipam: "host-local" }, /ipam is "host-local"/],
  ["routes that are no list", { ipam: { routes: {} } }, /ipam\.routes: .*expected a list/],
] as const) {
  settings(`refuses ${what}`, () => refuses(() => flannelSettings(request(conf)), code.invalidConfig, message));
}
for (const key of ["subnetFile", "dataDir"]) {
  settings(`leaves ${key} to the node`, () => {
    const conf = { [key]: "/tmp/x" };
    refuses(() => flannelSettings(request(conf, false)), code.invalidConfig, new RegExp(`${key} "/tmp/x": only the`));
    assert.is(flannelSettings(request(conf))[key as "dataDir"], "/tmp/x");
    assert.is.not(lenientSettings(request(conf, false))[key as "dataDir"], "/tmp/x");
  });
}
settings.run();

const file = suite("parseSubnetEnv");
for (const [what, text, message] of [
  ["an empty file", "", /no FLANNEL_SUBNET or FLANNEL_IPV6_SUBNET, no FLANNEL_MTU, no FLANNEL_IPMASQ/],
  ["a subnet without its network", `FLANNEL_SUBNET=10.1.17.1/24\n${rest}`, /no FLANNEL_NETWORK/],
  ["no MTU", `${v4}FLANNEL_IPMASQ=true`, /no FLANNEL_MTU/],
  ["a subnet that is none", `FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=x\n${rest}`, /FLANNEL_SUBNET is "x"/],
  ["a subnet of the other family", `FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=fc00::1\/64\n${rest}`,
    /FLANNEL_SUBNET is "fc00::1\/64", expected an IPv4/],
  ["an MTU that is none", `${v4}FLANNEL_MTU=big\nFLANNEL_IPMASQ=true`, /FLANNEL_MTU is "big"/],
  ["a truth that is none", `${v4}FLANNEL_MTU=1\nFLANNEL_IPMASQ=yes`, /FLANNEL_IPMASQ is "yes"/],
] as const) {
  file(`refuses ${what}`, () => refuses(() => parseSubnetEnv(text, "f.env"), code.decodingFailure, message));
}
file("takes blanks, comments and variables of others", () => (
  assert.is(parseSubnetEnv(`# x\n\nOTHER=1\n ${v4} ${rest}`, "f").mtu, 1472)));
file.run();
