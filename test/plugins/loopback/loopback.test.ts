import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { parsePrefix } from "../../../src/net/index.ts";
import { loopback, loopbackResult } from "../../../src/plugins/loopback/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { add, check, del } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns } from "../../helpers/netns.ts";

const result = suite("loopbackResult");
result("has the first address of each family", () => {
  const addresses = ["127.0.0.1/8", "127.0.0.9/8", "::1/128"].map(parsePrefix);
  assert.equal(loopbackResult(addresses, "/n"), {
    interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: "/n" }],
    ips: [{ interface: 0, address: "127.0.0.1/8" }, { interface: 0, address: "::1/128" }],
    routes: [], dns: {},
  });
});
result.run();

const kernel = kernelSuite("loopback", import.meta.url);

let netns: TestNetns;
kernel.before.each(() => {
  netns = makeNetns();
});
kernel.after.each(() => netns.remove());

const isUp = (): boolean => ipJson("link show lo", netns)[0].flags.includes("UP");

for (const cniVersion of allVersions) {
  kernel(`ADD, CHECK, DEL, cniVersion ${cniVersion}, whatever CNI_ARGS say`, async () => {
    const one = { plugin: loopback, netns: netns.path, conf: {}, cniVersion, args: "none" };
    assert.not.ok(isUp());
    const made = await add(one);
    assert.ok(isUp());
    assert.equal(made.ips, [{ interface: 0, address: "127.0.0.1/8" }, { interface: 0, address: "::1/128" }]);
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: made });
    await del(one);
    assert.not.ok(isUp());
    await rejects(check(one), code.attachmentBroken);
    await del(one);
  });
}

kernel("prevResult is passed on", async () => {
  const prevResult = { interfaces: [{ name: "eth0" }], ips: [{ address: "10.1.2.3/24", interface: 0 }], routes: [],
    dns: {} };
  assert.equal(await add({ plugin: loopback, netns: netns.path, conf: {}, prevResult }), prevResult);
});

kernel("a foreign address is refused, and lo is down again", async () => {
  netns.exec("ip", "addr", "add", "10.1.2.3/32", "dev", "lo");
  assert.match((await rejects(add({ plugin: loopback, netns: netns.path, conf: {} }), code.attachmentBroken)).message,
    /10\.1\.2\.3\/32/);
  assert.not.ok(isUp());
});

kernel("DEL without namespace, and with one that is gone", async () => {
  for (const path of ["", "/run/netns/none"]) await del({ plugin: loopback, netns: path, conf: {} });
});

kernel.run();
