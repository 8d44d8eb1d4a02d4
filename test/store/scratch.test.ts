// src/store/scratch.ts: the file Multus and we both read. The shapes in the first rows are what Multus writes.
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../src/cni/index.ts";
import type { Scratch } from "../../src/store/index.ts";
import { listScratch, loadScratch, removeScratch, saveScratch } from "../../src/store/index.ts";

const key = { containerId: "c1", ifName: "eth0" };
const multiplexer = { network: "pods", ifName: "eth0", netns: "/run/netns/a", args: "K=V" };
const single = '{"cniVersion":"1.0.0","name":"one","type":"bridge","bridge":"br0","ipam":{"type":"host-local",' +
  '"subnet":"10.0.0.0/24"},"capabilities":{"mac":true}}';
const listed = '{"cniVersion":"1.0.0","name":"two","plugins":[{"type":"bridge","bridge":"br1",' +
  '"ipam":{"type":"host-local"}},{"type":"portmap"}]}';
const scratch: Scratch = {
  multiplexer,
  delegates: [
    { displayName: "one", confText: single, list: false, fromFile: false, requests: {} },
    { displayName: "ns/two", confText: listed, list: true, fromFile: true,
      requests: { ifName: "blue", mac: "02:00:00:00:00:01", ips: ["10.0.0.9/24"] } },
  ],
};

let cniDir = "";
const test = suite("scratch");
test.before.each(() => { cniDir = mkdtempSync(join(tmpdir(), "polynic-scratch-")); });
test.after.each(() => rmSync(cniDir, { recursive: true }));

test("is saved beside what killed calls left, which goes before long", () => {
  const [old, fresh] = [".polynic-1-aa.tmp", ".polynic-2-bb.tmp"].map((name) => join(cniDir, name));
  for (const path of [old, fresh]) writeFileSync(path ?? "", "");
  utimesSync(old ?? "", 1000, 1000);
  for (let i = 0; i < 1000 && existsSync(old ?? ""); i++) saveScratch(cniDir, key, scratch);
  assert.equal(readdirSync(cniDir), [".polynic-2-bb.tmp", "c1"]);
});

test("is nothing and removes nothing for a container whose name no file can have", () => {
  const long = { containerId: "x".repeat(300), ifName: "eth0" };
  saveScratch(cniDir, key, scratch);
  assert.is(loadScratch(cniDir, long), undefined);
  removeScratch(cniDir, long);
  assert.equal(readdirSync(cniDir), ["c1"]);
});

test("is not removed where it is a directory, such as that of the results", () => {
  mkdirSync(join(cniDir, "results"));
  removeScratch(cniDir, { containerId: "results", ifName: "eth0" });
  assert.equal(readdirSync(cniDir), ["results"]);
});

test("reads back what it wrote", () => {
  saveScratch(cniDir, key, scratch);
  assert.equal(loadScratch(cniDir, key), scratch);
});

test("keeps what other programs do not, beside what they read", () => {
  const own: Scratch = { multiplexer, delegates: scratch.delegates.map((delegate, index) => ({
    ...delegate, strips: { v4: index === 0, v6: true }, own: { trusted: index === 1,
      capabilityArgs: { portMappings: [{ hostPort: 1 }] } },
  })) };
  saveScratch(cniDir, key, own);
  assert.equal(loadScratch(cniDir, key), own);
  const [first, second] = JSON.parse(readFileSync(join(cniDir, "c1"), "utf8"));
  assert.equal([first.IsFilterV4Gateway, first.IsFilterV6Gateway, second.IsFilterV4Gateway], [true, true, false]);
});

test("writes the reference's shape, mode 0600, in a directory made 0700", () => {
  const inner = join(cniDir, "made");
  saveScratch(inner, key, scratch);
  assert.is(statSync(inner).mode & 0o777, 0o700);
  assert.is(statSync(join(inner, "c1")).mode & 0o777, 0o600);
  assert.equal(readdirSync(inner), ["c1"]);
  const [first, second] = JSON.parse(readFileSync(join(inner, "c1"), "utf8"));
  assert.equal(first, {
    Conf: { cniVersion: "1.0.0", name: "one", type: "bridge", capabilities: { mac: true }, ipam: { type: "host-local" },
      dns: {} },
    ConfList: { plugins: null },
    Name: "one", IsFilterV4Gateway: false, IsFilterV6Gateway: false,
    Bytes: Buffer.from(single).toString("base64"),
    polynic: multiplexer,
  });
  assert.equal(second.ConfList, { cniVersion: "1.0.0", name: "two",
    plugins: [{ type: "bridge", ipam: { type: "host-local" }, dns: {} }, { type: "portmap", ipam: {}, dns: {} }] });
  assert.equal([second.ifnameRequest, second.macRequest, second.ipRequest],
    ["blue", "02:00:00:00:00:01", ["10.0.0.9/24"]]);
  assert.is(Buffer.from(second.CNINetworkConfigList.Plugins[0].Bytes, "base64").toString(),
    '{"type":"bridge","bridge":"br1","ipam":{"type":"host-local"}}');
});

test("takes the full plugins of a list from a file, whose Bytes hold standard fields only", () => {
  const stripped = '{"cniVersion":"0.4.0","name":"two","plugins":[{"type":"bridge","ipam":{"type":"host-local"},' +
    '"dns":{}}]}';
  const full = '{"type":"bridge","bridge":"br1","ipam":{"type":"host-local","subnet":"10.1.0.0/16"}}';
  writeFileSync(join(cniDir, "c1"), JSON.stringify([{
    Conf: { cniVersion: "0.4.0", name: "two", ipam: {}, dns: {} },
    ConfList: { cniVersion: "0.4.0", name: "two", plugins: [{ type: "bridge", ipam: { type: "host-local" },
      dns: {} }] },
    CNINetworkConfigList: { Name: "two", CNIVersion: "0.4.0", DisableCheck: false,
      Plugins: [{ Network: { type: "bridge" }, Bytes: Buffer.from(full).toString("base64") }], Bytes: "" },
    Name: "two", Bytes: Buffer.from(stripped).toString("base64"),
  }]));
  const loaded = loadScratch(cniDir, key);
  assert.equal(JSON.parse(loaded?.delegates[0]?.confText ?? ""),
    { cniVersion: "0.4.0", name: "two", plugins: [JSON.parse(full)] });
  assert.is(loaded?.multiplexer, undefined);
});

test("writes what Multus can decode, whatever spelling and type of switch the configuration has", () => {
  const config = '{"CNIVersion":"1.1.0","Name":"two","disableCheck":"TRUE","disableGC":"false",' +
    '"plugins":[{"TYPE":"bridge","IPAM":{"Type":"host-local","subnet":"10.0.0.0/24"},"Capabilities":{"mac":true}}]}';
  saveScratch(cniDir, key, { delegates: [{ displayName: "two", confText: config, list: true, fromFile: true, requests: {} }] });
  const [entry] = JSON.parse(readFileSync(join(cniDir, "c1"), "utf8"));
  const plugin = { type: "bridge", capabilities: { mac: true }, ipam: { type: "host-local" }, dns: {} };
  assert.equal(entry.Conf, { cniVersion: "1.1.0", name: "two", ipam: {}, dns: {} });
  assert.equal(entry.ConfList, { cniVersion: "1.1.0", name: "two", disableCheck: true, disableGC: false,
    plugins: [plugin] });
  const { Plugins: [library], Bytes, ...rest } = entry.CNINetworkConfigList;
  assert.equal(rest, { Name: "two", CNIVersion: "1.1.0", DisableCheck: true, DisableGC: false,
    LoadOnlyInlinedPlugins: false });
  assert.equal([library.Network, Buffer.from(Bytes, "base64").toString()], [plugin, config]);
  assert.is(loadScratch(cniDir, key)?.delegates[0]?.confText, config);
});

test("matches keys without case", () => {
  writeFileSync(join(cniDir, "c1"), JSON.stringify([{ NAME: "one", bytes: Buffer.from(single).toString("base64"),
    IFNAMEREQUEST: "blue" }]));
  assert.equal(loadScratch(cniDir, key)?.delegates, [{ displayName: "one", confText: single, list: false, fromFile: false,
    requests: { ifName: "blue" } }]);
});

for (const [name, content] of [["cut off", '[{"Conf"'], ["empty", ""], ["an empty list", "[]"], ["an object", "{}"],
  ["without Bytes", "[{}]"], ["with Bytes that are no JSON", '[{"Bytes":"YWJj"}]']] as const) {
  test(`refuses a file that is ${name}, naming it`, () => {
    writeFileSync(join(cniDir, "c1"), content);
    assert.throws(() => loadScratch(cniDir, key), (error: unknown) => error instanceof CniError && error.code === 6
      && error.message.includes(join(cniDir, "c1")));
    const [file, ...others] = listScratch(cniDir);
    assert.equal(others, []);
    assert.throws(() => file?.load(), (error: unknown) => error instanceof CniError && error.code === 6);
    removeScratch(cniDir, key);
    assert.is(existsSync(join(cniDir, "c1")), false);
  });
}

test("has nothing for a container it does not know, and removing that is fine", () => {
  assert.is(loadScratch(cniDir, key), undefined);
  assert.is(loadScratch(join(cniDir, "nowhere"), key), undefined);
  removeScratch(join(cniDir, "nowhere"), key);
  assert.equal(listScratch(join(cniDir, "nowhere")), []);
});

test("keeps two attachments of one container apart", () => {
  const other = { ...scratch, multiplexer: { ...multiplexer, network: "more", ifName: "eth1" } };
  saveScratch(cniDir, key, scratch);
  saveScratch(cniDir, { ...key, ifName: "eth1" }, other);
  assert.equal(loadScratch(cniDir, key), scratch);
  assert.equal(loadScratch(cniDir, { ...key, ifName: "eth1" }), other);
  assert.equal(listScratch(cniDir).map(({ containerId, ifName, load: read }) => [containerId, ifName, read()]),
    [["c1", undefined, scratch], ["c1", "eth1", other]]);
  removeScratch(cniDir, { ...key, ifName: "eth1" });
  assert.equal(loadScratch(cniDir, key), scratch);
  assert.is(loadScratch(cniDir, { ...key, ifName: "eth1" }), undefined);
  removeScratch(cniDir, { ...key, ifName: "eth1" });
  assert.equal(loadScratch(cniDir, key), scratch);
});

test("leaves its directory to well-formed container ids only", () => {
  for (const containerId of ["../c1", "", "a/b", ".", "-x"]) {
    assert.throws(() => saveScratch(cniDir, { ...key, containerId }, scratch),
      (error: unknown) => error instanceof CniError && error.code === 4);
    assert.throws(() => loadScratch(cniDir, { ...key, containerId }),
      (error: unknown) => error instanceof CniError && error.code === 4);
    assert.throws(() => removeScratch(cniDir, { ...key, containerId }),
      (error: unknown) => error instanceof CniError && error.code === 4);
  }
});

test("says which path cannot be written", () => {
  const file = join(cniDir, "file");
  writeFileSync(file, "");
  assert.throws(() => saveScratch(file, key, scratch), (error: unknown) => error instanceof CniError && error.code === 5
    && error.message.includes(join(file, "c1")));
});

test("lists sandboxes and nothing else", () => {
  saveScratch(cniDir, key, scratch);
  mkdirSync(join(cniDir, "results"));
  writeFileSync(join(cniDir, ".polynic-1-2.tmp"), "[]");
  assert.equal(listScratch(cniDir).map(({ containerId, load: read }) => [containerId, read()]), [["c1", scratch]]);
});
test.run();
