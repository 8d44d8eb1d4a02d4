// Files that we, or programs like us, keep: reservations, scratch files, cached results, and what else is read back.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../src/cni/index.ts";
import { CommandError } from "../../src/commands/errors.ts";
import { nodeFiles } from "../../src/commands/install/node/files.ts";
import { readState } from "../../src/commands/install/node/state.ts";
import { readCheckpoint } from "../../src/kube/kubelet/checkpoint.ts";
import { delegateFromScratch } from "../../src/mux/networks/delegate.ts";
import type { Address } from "../../src/net/index.ts";
import { formatAddress, isIdentifier, isInterfaceName, parseAddress } from "../../src/net/index.ts";
import { isJsonObject } from "../../src/schema/index.ts";
import { readHolds } from "../../src/store/holds.ts";
import { listResults, loadResult, saveResult } from "../../src/store/index.ts";
import { readCursor, readLease } from "../../src/store/lease-file.ts";
import { openLeaseIndex } from "../../src/store/lease-index.ts";
import { readRemembered } from "../../src/store/remembered.ts";
import { loadScratch, saveScratch, setDamagedAside } from "../../src/store/scratch.ts";
import { readLock } from "../../src/wasm/index.ts";
import { byteInputs, fuzz, jsonInputs, textInputs, wrongRefusal } from "./frame.ts";
import { networkLists, result } from "./seeds.ts";

/** Each case writes a file or some. */
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
let directory = "";
const inDirectory = (title: string) => {
  const one = suite(title);
  one.before(() => { directory = mkdtempSync(join(memory, "polynic-fuzz-")); });
  one.after(() => rmSync(directory, { recursive: true }));
  return one;
};
/** A file of that name with the input in it. */
const written = (name: string, content: string | Uint8Array): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const bytes = (...texts: readonly string[]): readonly Uint8Array[] =>
  texts.map((text) => new TextEncoder().encode(text));
const areAddresses = (list: readonly Address[]): boolean => (
  list.every((one) => formatAddress(parseAddress(formatAddress(one))) === formatAddress(one)));

const leases = inDirectory("files of address reservations");
const address = parseAddress("10.1.2.3");
/** What these files hold is told by other programs: what makes no sense counts as not there, and nothing is refused. */
const refusesNothing = (error: unknown): string => `is refused: ${String(error)}`;
leases("hold an owner whatever is in them", () => fuzz({
  ...byteInputs(bytes("pod-1\r\neth0", "pod-1", " pod-1\r\neth0\n", "")), title: "reservation",
  accept(content) {
    written("10.1.2.3", content);
    const lease = readLease(directory, address);
    if (lease === undefined) return "is no reservation";
    const { containerId, ifName } = lease.owner;
    // One that is cut short keeps its address taken, for somebody.
    if (typeof containerId !== "string" || typeof ifName !== "string") return "has no owner";
    if (ifName !== "" && !new TextDecoder().decode(content).includes("\r\n"))
      return "has an interface of its own making";
    return containerId.length > 5 && /^pod-1\r\neth0$/.test(new TextDecoder().decode(content))
      ? "has another owner" : undefined;
  },
  refuse: refusesNothing,
}).catch(onlyAccepted));
leases("hold a cursor that is an address, or none", () => fuzz({
  ...byteInputs(bytes("10.1.2.3", "10.1.2.3\n", "fd00::1")), title: "cursor",
  accept(content) {
    written("last_reserved_ip.0", content);
    const found = readCursor(directory, 0);
    if (found === undefined) throw new RangeError("none");
    return areAddresses([found]) ? undefined : "is no address";
  },
  refuse: (error) => error instanceof RangeError ? undefined : refusesNothing(error),
}));
leases("hold addresses that are held, line by line", () => fuzz({
  ...textInputs(['10.1.2.3 1790000000000 "blue/web"\nfd00::1 1790000000000 "a\\"b"\n']), title: "holds",
  accept(text) {
    const found = readHolds(written("holds", text), 0);
    if (found.length === 0) throw new RangeError("none");
    const wrong = found.find((one) => !areAddresses([one.address]) || !(one.untilMs > 0)
      || typeof one.ownerKey !== "string");
    return wrong === undefined ? undefined : `holds ${JSON.stringify(wrong)}`;
  },
  refuse: (error) => error instanceof RangeError ? undefined : refusesNothing(error),
}));
leases("hold what is remembered, line by line", () => fuzz({
  ...textInputs(['10.1.2.3,fd00::1 "blue/web"\n10.1.2.4 "red/web"\n']), title: "remembered addresses",
  accept(text) {
    const found = readRemembered(written("remembered", text), "blue/web");
    if (found.length === 0) throw new RangeError("none");
    return areAddresses(found) ? undefined : "is no address";
  },
  refuse: (error) => error instanceof RangeError ? undefined : refusesNothing(error),
}));
const owner = { containerId: "pod-1", ifName: "eth0" };
leases("hold an index of hints, which may be nonsense", () => fuzz({
  ...textInputs(['\n10.1.2.3\nboot abc\npod {"namespace":"blue","name":"web","uid":"u"}\n', "10.1.2.3\nfd00::1\n"]),
  title: "index of reservations",
  accept(text) {
    mkdirSync(join(directory, "index"), { recursive: true });
    written("index/eth0:pod-1", text);
    written("index/scan", `\n["pod-1","eth0"] ${text}`);
    written("index/stamp", text);
    const index = openLeaseIndex(join(directory, "index"), directory), hints = index.hints(owner), seal = index.seal();
    if (hints === undefined) throw new RangeError("none");
    if (!Number.isFinite(seal?.changes)) return "has a seal without changes";
    if (!areAddresses(hints.addresses) || typeof hints.bootId !== "string") return "has a hint that is no address";
    return hints.pod === undefined || typeof hints.pod.uid === "string" ? undefined : "has a pod without uid";
  },
  refuse: refusesNothing,
}).catch(onlyAccepted));
leases.run();

/** Of parsers that refuse nothing. */
function onlyAccepted(error: Error): void {
  if (!/^\d+ accepted, 0 refused$/.test(error.message)) throw error;
}

const key = { containerId: "pod-1", ifName: "eth0" };
const multiplexer = { network: "pods", ifName: "eth0", netns: "/run/netns/pod", args: "A=1", bootId: "b",
  runtimeConfig: { portMappings: [] } };
/** As an ADD keeps them. */
function scratchSeeds(): readonly unknown[] {
  const folder = mkdtempSync(join(memory, "polynic-fuzz-"));
  try {
    const lists = networkLists().filter(({ plugins }) => !/"(polynic|multus)"/.test(JSON.stringify(plugins)));
    return lists.slice(0, 6).map((conf, index) => {
      const delegate = { displayName: "blue/lan", confText: JSON.stringify(conf), list: true, fromFile: index % 2 === 0,
        requests: { ifName: "net1", ips: ["10.1.2.3"], mac: "02:00:00:00:00:01", defaultRoute: ["10.1.2.1"] },
        strips: { v4: true, v6: false }, own: { trusted: true, capabilityArgs: { ips: ["10.1.2.3"] } } };
      saveScratch(folder, key, { delegates: [delegate, { ...delegate, list: false,
        confText: '{"name":"b","type":"bridge"}' }], multiplexer });
      return JSON.parse(readFileSync(join(folder, "pod-1"), "utf8"));
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const kept = inDirectory("what is kept of a container");
kept("as a scratch file gives networks to delete, or is refused and can be set aside", () => fuzz({
  ...jsonInputs(scratchSeeds()), title: "scratch file",
  accept({ text }) {
    written("pod-1", text);
    const scratch = loadScratch(directory, key);
    if (scratch === undefined) throw new RangeError("none");
    for (const entry of scratch.delegates) {
      if (!isJsonObject(JSON.parse(entry.confText))) return "has a network that is no object";
      const { ifName, ips } = entry.requests;
      if (ifName !== undefined && typeof ifName !== "string") return "has an interface that is no text";
      if (ips !== undefined && !ips.every((ip) => typeof ip === "string")) return "has addresses that are no texts";
      delegateFromScratch(entry, "1.1.0");
    }
    return undefined;
  },
  refuse(error) {
    // It is of another attachment.
    if (error instanceof RangeError) return undefined;
    const wrong = wrongRefusal(error,
      { codes: [code.decodingFailure, code.invalidConfig], names: /scratch file|name/ });
    if (wrong !== undefined || !/Cannot read the scratch file \//.test(String(error))) return wrong;
    return setDamagedAside(directory, key) === undefined ? "is refused and cannot be set aside" : undefined;
  },
}));
kept("as a cached result is an attachment, or refused", () => {
  const folder = mkdtempSync(join(memory, "polynic-fuzz-")), name = { networkName: "blue", ...key };
  saveResult(folder, { ...name, netns: "/run/netns/pod", cniArgs: [["A", "1"]], capabilityArgs: { ips: ["10.1.2.3"] },
    confText: JSON.stringify(networkLists()[0]), result, multiplexer, trusted: true });
  const saved: unknown = JSON.parse(readFileSync(join(folder, "results", "blue-pod-1-eth0"), "utf8"));
  rmSync(folder, { recursive: true });
  return fuzz({
    ...jsonInputs([saved, result]), title: "cached result",
    accept({ text }) {
      mkdirSync(join(directory, "results"), { recursive: true });
      written("results/blue-pod-1-eth0", text);
      const all = [...listResults(directory), ...listResults(directory, "pod-1")], one = loadResult(directory, name);
      if (one === undefined) return "is nothing";
      const wrong = [...all, one].find(({ networkName, containerId, ifName, netns, confText, cniArgs }) => (
        !isIdentifier(networkName) || !isIdentifier(containerId) || !isInterfaceName(ifName)
          || typeof netns !== "string"
          || typeof confText !== "string" || !cniArgs.flat().every((word) => typeof word === "string")));
      return wrong === undefined ? undefined : `gives ${JSON.stringify(wrong)}`;
    },
    refuse: (error) => wrongRefusal(error, { codes: [code.decodingFailure], names: /cached result \// }),
  });
});
kept.run();

const others = inDirectory("what else is read back");
const entry = { sha256: "a".repeat(64), version: "1.0.0", kind: "ipam", configSha256: "b".repeat(64),
  prepared: { by: "x", sha256: "c".repeat(64), memoryPages: 256 } };
others("is the lock of installed modules, or refused", () => fuzz({
  ...jsonInputs([{ sticky: entry, other: { ...entry, kind: "merge" } }, {}]), title: "lock of modules",
  accept({ text }) {
    written("modules.lock.json", text);
    const wrong = Object.entries(readLock(directory)).find(([name, one]) => !/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)
      || !/^[0-9a-f]{64}$/.test(one.sha256) || !["ipam", "merge", "policy"].includes(one.kind));
    return wrong === undefined ? undefined : `gives ${JSON.stringify(wrong)}`;
  },
  refuse: (error) => wrongRefusal(error, { codes: [code.decodingFailure], names: /modules\.lock\.json/ }),
}));
others("is the kubelet's checkpoint, or refused", () => fuzz({
  ...jsonInputs([{ Data: { PodDeviceEntries: [{ PodUID: "u", ContainerName: "c", ResourceName: "a.b/c",
    DeviceIDs: { 0: ["d1", "d2"], "-1": ["d3"] } }, { PodUID: "u", ResourceName: "a.b/d", DeviceIDs: ["d4"] }],
    RegisteredDevices: {} }, Checksum: 5 }, { Data: { PodDeviceEntries: null } }]),
  title: "kubelet's checkpoint",
  accept({ text }) {
    const wrong = readCheckpoint(written("checkpoint", text))?.find(({ podUid, resourceName, deviceIds }) => (
      ![podUid, resourceName, ...deviceIds].every((one) => typeof one === "string")));
    return wrong === undefined ? undefined : `gives ${JSON.stringify(wrong)}`;
  },
  refuse: (error) => wrongRefusal(error, { codes: [code.decodingFailure], names: /checkpoint/ }),
}));
others("is what installing has changed, or refused", () => fuzz({
  ...jsonInputs([{ version: 1, directories: { conf: "/etc/cni/net.d", bin: "/opt/cni/bin", primary: "/etc/cni/net.d",
    units: "/etc/systemd/system" }, made: [{ area: "bin", name: "polynic" }], moved: [{ area: "conf", from: "a.conf",
    to: "polynic.d/a.conf", why: "front" }], told: "/opt/cni/bin/polynic" }]),
  title: "state of an installation",
  accept({ text }) {
    const state = readState(written("install.json", text), nodeFiles);
    assert.ok(state);
    const names = [...state.made.map(({ name }) => name), ...state.moved.flatMap(({ from, to }) => [from, to])];
    const outside = names.find((name) => name.startsWith("/") || name.split("/").includes("..") || name === "");
    if (outside !== undefined) return `names ${JSON.stringify(outside)}, which is elsewhere`;
    const missing = ["conf", "bin", "primary"].find((area) =>
      typeof Reflect.get(state.directories, area) !== "string");
    return missing === undefined ? undefined : `has no directory ${missing}`;
  },
  refuse: (error) => error instanceof CommandError && /^Cannot read \S+install\.json: /.test(error.message)
    ? undefined : `is refused with ${String(error)}`,
}));
others.run();
