// src/plugins/flannel: its delegate attaches, checks, detaches and collects, and what is kept is flannel's own file.
import {
  chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { executedPlugin } from "../../../src/call/executed-plugin.ts";
import { flannel } from "../../../src/plugins/flannel/index.ts";
import { builtIn } from "../../../src/plugins/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, gc, reservations, status } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns } from "../../helpers/netns.ts";
import { builtModules } from "../../helpers/wasm.ts";

const kernel = kernelSuite("flannel", import.meta.url, { needs: ["ipv6"] });

const directory = mkdtempSync(join(tmpdir(), "polynic-flannel-"));
const subnetFile = join(directory, "subnet.env"), dataDir = join(directory, "state");
const env = ["FLANNEL_NETWORK=10.1.0.0/16", "FLANNEL_SUBNET=10.1.17.1/24", "FLANNEL_IPV6_NETWORK=fc00::/48",
  "FLANNEL_IPV6_SUBNET=fc00::1/64", "FLANNEL_MTU=1472", "FLANNEL_IPMASQ=true"].join("\n");
let netns: TestNetns;
kernel.before.each(() => {
  netns = makeNetns();
  writeFileSync(subnetFile, env);
});
kernel.after.each(() => {
  netns.remove();
  for (const { ifname } of ipJson("link show")) if (ifname !== "lo") attempt("ip", "link", "delete", ifname);
  rmSync(dataDir, { recursive: true, force: true });
  reservations.clear();
});
kernel.after(() => rmSync(directory, { recursive: true }));

/** The delegate's addresses are those of an IPAM that can be counted. */
const ipam = { type: "test", addresses: [{ address: "10.1.17.2/24" }] };
function driven(conf: object = {}, more: Partial<Driven> = {}): Driven {
  return { plugin: flannel, netns: netns.path, conf: { subnetFile, dataDir, ipam, ...conf }, ...more };
}
const kept = (): readonly string[] => (existsSync(dataDir) ? readdirSync(dataDir).sort() : []);
const state = () => ({ kernel: kernelState(netns), kept: kept() });
const interfaces = () => ipJson("link show", netns).map(({ ifname }) => ifname);

for (const cniVersion of allVersions) {
  kernel(`ADD, CHECK, DEL twice, cniVersion ${cniVersion}`, async () => {
    const one = driven({ delegate: { bridge: "fl0" } }, { cniVersion });
    const result = await add(one);
    assert.equal(JSON.parse(readFileSync(join(dataDir, "test-container"), "utf8")), {
      cniVersion, name: "testnet", type: "bridge", bridge: "fl0", mtu: 1472, ipMasq: false, isGateway: true,
      ipam: { ...ipam, ranges: [[{ subnet: "10.1.17.0/24" }], [{ subnet: "fc00::/64" }]],
        routes: [{ dst: "10.1.0.0/16" }, { dst: "fc00::/48" }] },
    });
    assert.equal(result.interfaces[0]?.name, "fl0");
    assert.is(ipJson("link show eth0", netns)[0].mtu, 1472);
    assert.ok(ipJson("addr show fl0")[0].addr_info.some(({ local }: any) => local === "10.1.17.1"));
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
    // DEL needs nothing of flanneld's.
    rmSync(subnetFile);
    await del({ ...one, prevResult: result });
    assert.equal([interfaces(), kept(), reservations.size], [["lo"], [], 0]);
    await del(one);
  });
}

kernel("addresses of host-local, one of each family, with routes to the cluster's networks", async () => {
  const one = driven({ ipam: { dataDir: join(directory, "leases") } }, { modules: builtModules });
  const { ips, routes } = await add(one);
  assert.equal(ips.map(({ address }) => address), ["10.1.17.2/24", "fc00::2/64"]);
  assert.equal(routes.map(({ dst }) => dst), ["10.1.0.0/16", "fc00::/48"]);
  assert.ok(existsSync(join(directory, "leases", "testnet", "10.1.17.2")));
  await del(one);
  assert.not.ok(existsSync(join(directory, "leases", "testnet", "10.1.17.2")));
});

kernel("DEL works from what flannel's own plugin has kept, whatever the configuration says by now", async () => {
  await add({ plugin: builtIn.get("bridge") ?? flannel, netns: netns.path, conf: { bridge: "fl1", ipam } });
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, "test-container"),
    `{"ipMasq":false,"ipam":${JSON.stringify(ipam)},"name":"testnet","type":"bridge","bridge":"fl1"}`);
  await del(driven({ delegate: { type: "macvlan" }, subnetFile: "/none" }));
  assert.equal([interfaces(), kept(), reservations.size], [["lo"], [], 0]);
});

kernel("DEL works without what was kept, and without flanneld's file, and leaves another network's alone", async () => {
  for (const broken of [undefined, "not JSON", '{"name":"other","type":"bridge"}']) {
    await add(driven());
    if (broken === undefined) rmSync(dataDir, { recursive: true });
    else writeFileSync(join(dataDir, "test-container"), broken);
    rmSync(subnetFile);
    await del(driven());
    assert.equal([interfaces(), reservations.size], [["lo"], 0]);
    assert.equal(kept(), broken === undefined ? [] : ["test-container"]);
    writeFileSync(subnetFile, env);
  }
});

kernel("two interfaces of one container come and go", async () => {
  const one = driven(), two = driven({ ipam: { type: "test", addresses: [{ address: "10.1.17.3/24" }] } },
    { ifName: "eth1" });
  await add(one);
  await add(two);
  await del(one);
  assert.equal(interfaces(), ["lo", "eth1"]);
  await del(two);
  assert.equal([interfaces(), kept(), reservations.size], [["lo"], [], 0]);
});

kernel("an executed delegate gets exactly what is documented, and the runtime's part", async () => {
  const file = join(directory, "recorder"), log = join(directory, "said");
  writeFileSync(file, `#!/bin/sh\n{ echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_ARGS"; cat; echo; } >> ${log}
[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion":"1.1.0","ips":[{"address":"10.1.17.9/24"}]}'\nexit 0\n`);
  chmodSync(file, 0o755);
  const executed = executedPlugin("recorder", file, { env: process.env, tell: () => {} });
  const one = driven({ delegate: { type: "recorder", x: { y: 1 } }, ipam: undefined,
    runtimeConfig: { portMappings: [{ hostPort: 8080 }] } },
  { args: "K8S_POD_NAME=p", through: (handles) => ({
    plugin: (type: string) => (type === "recorder" ? executed : handles.plugin(type)) }) });
  const { ips } = await add(one);
  assert.equal(ips.map(({ address }) => address), ["10.1.17.9/24"]);
  await del(one);
  rmSync(subnetFile);
  await del(one); // Nothing is known any more that it would take.
  const [first, conf, second, again, ...none] = readFileSync(log, "utf8").split("\n");
  assert.equal([first, second], ["ADD test-container eth0 K8S_POD_NAME=p", "DEL test-container eth0 K8S_POD_NAME=p"]);
  const expected = { cniVersion: "1.1.0", name: "testnet", type: "recorder", x: { y: 1 }, mtu: 1472, ipMasq: false,
    runtimeConfig: { portMappings: [{ hostPort: 8080 }] },
    ipam: { type: "host-local", ranges: [[{ subnet: "10.1.17.0/24" }], [{ subnet: "fc00::/64" }]],
      routes: [{ dst: "10.1.0.0/16" }, { dst: "fc00::/48" }] } };
  assert.equal([conf, again].map((text) => JSON.parse(text ?? "")), [expected, expected]);
  assert.equal(none, [""]);
});

for (const [what, conf, number, message] of [
  ["flanneld's file missing", { subnetFile: "/none" }, code.tryAgainLater, /\/none: there is no such file/],
  ["a delegate that is nowhere", { delegate: { type: "nowhere" } }, code.executable, /"nowhere"/],
  ["a delegate that only gives addresses", { delegate: { type: "static" } }, code.invalidConfig, /makes no interface/],
  ["a delegate that is chained", { delegate: { type: "tuning" } }, code.invalidConfig, /makes no interface/],
  ["what the delegate refuses", { delegate: { hairpinMode: true, promiscMode: true } }, code.invalidConfig,
    /hairpinMode/],
] as const) {
  kernel(`refuses ${what}, and touches nothing`, async () => {
    const before = state();
    assert.match((await rejects(add(driven(conf)), number)).message, message);
    assert.equal(state(), before);
  });
}

kernel("CHECK passes on what the delegate finds, and misses what was kept", async () => {
  const one = driven(), prevResult = await add(one);
  netns.exec("ip", "addr", "flush", "dev", "eth0");
  assert.match((await rejects(check({ ...one, prevResult }), code.attachmentBroken)).message, /10\.1\.17\.2/);
  rmSync(dataDir, { recursive: true });
  assert.match((await rejects(check({ ...one, prevResult }), code.attachmentBroken)).message, /kept there/);
});

kernel("STATUS waits for flanneld, and asks the delegate", async () => {
  await status(driven());
  await rejects(status(driven({ subnetFile: "/none" })), code.notReady);
  await rejects(status(driven({ ipam: { type: "nobody" } })), code.executable);
});

kernel("GC deletes what was kept for containers that are gone, of this network", async () => {
  await add(driven());
  writeFileSync(join(dataDir, "elsewhere"), '{"name":"other","type":"bridge"}');
  await gc(driven(), undefined);
  await gc(driven(), [{ containerID: "test-container", ifname: "eth0" }]);
  assert.equal(kept(), ["elsewhere", "test-container"]);
  await gc(driven(), []);
  assert.equal(kept(), ["elsewhere"]);
});

kernel("a failure at any step leaves links, addresses, routes, reservations and files as before", async () => {
  // The bridge and its gateway stay, as they do without flannel.
  await add(driven({}, { containerId: "first" }));
  await del(driven({}, { containerId: "first" }));
  assert.ok(await failures(driven(), state, { times: 1 }) > 10);
});

kernel.run();
