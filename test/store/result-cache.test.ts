// src/store/result-cache.ts: the CNI library's cache, shared with every runtime that looks below the same directory.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../src/cni/index.ts";
import type { CachedAttachment } from "../../src/store/index.ts";
import { listResults, loadResult, removeResult, saveResult } from "../../src/store/index.ts";
import { opened } from "../helpers/counts/opened.ts";

const key = { networkName: "blue", containerId: "c1", ifName: "net1" };
const entry: CachedAttachment = {
  ...key, netns: "/run/netns/a", cniArgs: [["IgnoreUnknown", "1"], ["A", "b=c"]],
    capabilityArgs: { mac: "02:00:00:00:00:01" },
  confText: '{"name":"blue","type":"bridge"}', result: { cniVersion: "1.0.0", ips: [] },
  multiplexer: { network: "pods", ifName: "eth0", netns: "/run/netns/a", args: "" },
};
const bare: CachedAttachment = {
  ...key, netns: "", cniArgs: [], capabilityArgs: {}, confText: "{}", result: undefined,
};

let cniDir = "";
const test = suite("result cache");
test.before.each(() => { cniDir = mkdtempSync(join(tmpdir(), "polynic-cache-")); });
test.after.each(() => rmSync(cniDir, { recursive: true }));

const file = (name = "blue-c1-net1"): string => join(cniDir, "results", name);

test("reads back what it wrote, full or bare", () => {
  for (const one of [entry, bare]) {
    saveResult(cniDir, one);
    assert.equal(loadResult(cniDir, key), one);
  }
});

test("writes the library's shape on one line", () => {
  saveResult(cniDir, entry);
  assert.is(statSync(join(cniDir, "results")).mode & 0o777, 0o700);
  assert.is(statSync(file()).mode & 0o777, 0o600);
  const text = readFileSync(file(), "utf8");
  assert.is(text.includes("\n"), false);
  assert.equal(JSON.parse(text), {
    kind: "cniCacheV1", containerId: "c1", config: Buffer.from(entry.confText).toString("base64"), ifName: "net1",
      networkName: "blue",
    netns: "/run/netns/a", cniArgs: [["IgnoreUnknown", "1"], ["A", "b=c"]],
      capabilityArgs: { mac: "02:00:00:00:00:01" },
    result: { cniVersion: "1.0.0", ips: [] }, polynic: entry.multiplexer,
  });
  saveResult(cniDir, bare);
  assert.equal(Object.keys(JSON.parse(readFileSync(file(), "utf8"))),
    ["kind", "containerId", "config", "ifName", "networkName"]);
});

test("takes any other object for a result of an old library", () => {
  mkdirSync(join(cniDir, "results"));
  writeFileSync(file(), '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/24"}}');
  assert.equal(loadResult(cniDir, key), { ...bare, confText: "",
    result: { cniVersion: "0.2.0", ip4: { ip: "10.0.0.2/24" } } });
  assert.equal(listResults(cniDir), []);
});

test("refuses what is no object, naming the file", () => {
  mkdirSync(join(cniDir, "results"));
  for (const content of ["{", "", "[]", "1"]) {
    writeFileSync(file(), content);
    assert.throws(() => loadResult(cniDir, key), (error: unknown) => error instanceof CniError && error.code === 6
      && error.message.includes(file()));
  }
});

test("has nothing where there is nothing, and removing that is fine", () => {
  assert.is(loadResult(cniDir, key), undefined);
  removeResult(cniDir, key);
  assert.equal(listResults(cniDir), []);
  saveResult(cniDir, entry);
  removeResult(cniDir, key);
  assert.equal(readdirSync(join(cniDir, "results")), []);
});

test("lists one container's entries, not those whose names merely contain its id", () => {
  const others = [{ ...entry, ifName: "eth0" }, { ...entry, containerId: "c12" },
    { ...entry, networkName: "c1-x", containerId: "z" }];
  for (const one of [entry, ...others]) saveResult(cniDir, one);
  writeFileSync(file("blue-c1-broken"), "{");
  writeFileSync(file(".polynic-1-1.tmp"), readFileSync(file()));
  assert.equal(listResults(cniDir, "c1").map(({ ifName }) => ifName), ["eth0", "net1"]);
  assert.is(listResults(cniDir).length, 4);
});

test("opens no file of others for one container, however many there are", () => {
  const others = 200;
  for (let i = 0; i < others; i++) saveResult(cniDir, { ...entry, containerId: `other-${i}` });
  saveResult(cniDir, entry);
  assert.is(opened(cniDir, () => assert.is(listResults(cniDir, "c1").length, 1)), 1);
  assert.is(opened(cniDir, () => assert.is(listResults(cniDir).length, others + 1)), others + 1);
});

test("needs all three names, well formed", () => {
  for (const wrong of [{ networkName: "" }, { containerId: "" }, { ifName: "" }, { networkName: "../x" },
    { containerId: "a/b" }, { ifName: "a/b" }]) {
    assert.throws(() => saveResult(cniDir, { ...entry, ...wrong }),
      (error: unknown) => error instanceof CniError && error.code === 7);
  }
});

test("says which path cannot be written", () => {
  writeFileSync(join(cniDir, "results"), "");
  assert.throws(() => saveResult(cniDir, entry), (error: unknown) => error instanceof CniError && error.code === 5
    && error.message.includes(file()));
});
test.run();
