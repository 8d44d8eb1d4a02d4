// The ADD of each plugin in a warm process beside the kernel's own share of it: the time its requests and its writes of
// sysctls take, between handing the bytes over and having the answer. What is left is ours: reading the configuration,
// deciding, encoding, decoding.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { Warm } from "../../../src/call/index.ts";
import { openWarm } from "../../../src/call/index.ts";
import type { Result } from "../../../src/cni/index.ts";
import { NetlinkSocket } from "../../../src/kernel/socket.ts";
import { openTransport } from "../../../src/kernel/transport.ts";
import type { Transport } from "../../../src/kernel/transport.ts";
import { builtIn } from "../../../src/plugins/index.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, del } from "../../helpers/handles.ts";
import { against, ms, ratio, summarize, table } from "../statistics.ts";
import { makeContainer, removeContainer } from "../whole-process.ts";

const warmUpRounds = 20, most = 2;
/** Attachments that stay while one more is made; as many in the first and the last group that are compared. */
const attachments = 100, group = 20, growthMost = 1.5;

const ipam = { type: "test", addresses: [{ address: "10.9.0.2/24", gateway: "10.9.0.1" }] };

interface Row {
  readonly type: string;
  readonly conf: object;
  /** What a chain needs before it, not timed. */
  readonly before?: { readonly type: string; readonly conf: object };
}

const pair = { type: "ptp", conf: { ipam } };

const rows: readonly Row[] = [
  { type: "bridge", conf: { bridge: "family0", isGateway: true, ipam } },
  { type: "ptp", conf: { ipam } },
  { type: "macvlan", conf: { master: "family1", ipam } },
  { type: "tap", conf: { ipam } },
  { type: "vxlan", conf: { vni: 77, master: "family1", peers: ["192.0.2.9"], ipam } },
  { type: "tuning", conf: { sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" }, mtu: 1400 }, before: pair },
  { type: "bandwidth", conf: { ingressRate: 1e7, ingressBurst: 1e7, egressRate: 1e7, egressBurst: 1e7 }, before: pair },
  { type: "sbr", conf: {}, before: pair },
  { type: "firewall", conf: { backend: "nftables" }, before: pair },
  { type: "portmap", conf: { backend: "nftables", runtimeConfig: { portMappings: [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" }] } }, before: pair },
];

export async function compareFamily(count: number): Promise<string> {
  const kernel = watchKernel(), warm = openWarm();
  ip("link add family1 type veth peer name family2");
  for (const words of ["link set family1 up", "addr add 192.0.2.1/24 dev family1"]) ip(words);
  try {
    const cells: string[][] = [];
    for (const row of rows) cells.push(await measured(row, count, { kernel, warm }));
    cells.push(await growth(warm));
    return table(["", "in-process ms", "kernel's share ms", "ratio", "goal"], cells);
  } finally {
    kernel.restore();
    warm.close();
    for (const name of ["family0", "family1"]) ip(`link del ${name}`);
  }
}

function ip(words: string): void {
  execFileSync("ip", words.split(" "));
}

async function measured({ type, conf, before }: Row, count: number, { kernel, warm }: Process): Promise<string[]> {
  const own: number[] = [], shares: number[] = [];
  for (let round = -warmUpRounds; round < count; round++) {
    const netns = makeContainer();
    const first = before === undefined ? undefined : driven(before, netns, { warm });
    const prevResult = first === undefined ? undefined : await add(first);
    const call = driven({ type, conf }, netns, { warm, prevResult });
    const taken = kernel.takenMs(), begin = process.hrtime.bigint();
    const result = await add(call);
    const tookMs = Number(process.hrtime.bigint() - begin) / 1e6;
    if (round >= 0) {
      own.push(tookMs);
      shares.push(kernel.takenMs() - taken);
    }
    await del({ ...call, prevResult: result });
    if (first !== undefined) await del({ ...first, ...(prevResult === undefined ? {} : { prevResult }) });
    removeContainer();
  }
  const ownMs = summarize(own).medianMs, shareMs = summarize(shares).medianMs;
  return [`ADD of ${type}`, ms(ownMs), ms(shareMs), ratio(ownMs, shareMs), against(ownMs / shareMs, most)];
}

/** The last of many attachments beside the first: cost must not grow with what is there. */
async function growth(warm: Warm): Promise<string[]> {
  const netns = makeContainer();
  const made: Driven[] = [], times: number[] = [];
  const limits = rows.find(({ type }) => type === "bandwidth")?.conf ?? {};
  for (let i = 0; i < attachments; i++) {
    const which = { ifName: `e${i}`, containerId: `many-${i}` };
    const address = { type: "test", addresses: [{ address: `10.9.${i}.2/24`, gateway: `10.9.${i}.1` }] };
    const first = { ...driven({ type: "ptp", conf: { ipam: address } }, netns, { warm }), ...which };
    const prevResult = await add(first);
    const call = { ...driven({ type: "bandwidth", conf: limits }, netns, { warm, prevResult }), ...which };
    const begin = process.hrtime.bigint();
    const result = await add(call);
    times.push(Number(process.hrtime.bigint() - begin) / 1e6);
    made.push({ ...call, prevResult: result }, { ...first, prevResult });
  }
  for (const one of made) await del(one);
  removeContainer();
  const [few, many] = [times.slice(0, group), times.slice(-group)].map((each) => summarize(each).medianMs);
  return [`bandwidth, the last ${group} of ${attachments} beside the first`, ms(many ?? Number.NaN),
    ms(few ?? Number.NaN), ratio(many ?? Number.NaN, few ?? Number.NaN),
    against((many ?? Number.NaN) / (few ?? Number.NaN), growthMost)];
}

interface Process {
  readonly kernel: Watched;
  readonly warm: Warm;
}

interface Known {
  readonly warm: Warm;
  readonly prevResult?: Result | undefined;
}

function driven({ type, conf }: Pick<Row, "type" | "conf">, netns: string, { warm, prevResult }: Known): Driven {
  const plugin = builtIn.get(type);
  if (plugin === undefined) throw new Error(`There is no plugin ${type}`);
  return { plugin, conf: { ...conf }, netns, warm, ...(prevResult === undefined ? {} : { prevResult }) };
}

interface Watched {
  /** Since it began to watch. */
  takenMs(): number;
  restore(): void;
}

/** Watches the two doors to the kernel that plugins have: netlink sockets and files below /proc/sys. */
function watchKernel(): Watched {
  let taken = 0n;
  const timed: Timed = (work) => {
    const begin = process.hrtime.bigint();
    const end = (): void => { taken += process.hrtime.bigint() - begin; };
    const value = work();
    // What is waited for on another thread is the kernel's time as well.
    if (value instanceof Promise) void value.then(end, end);
    else end();
    return value;
  };
  const { open } = NetlinkSocket, files = timedSysctls(timed);
  NetlinkSocket.open = (protocol, options) => (
    new NetlinkSocket(timedTransport(openTransport(protocol, options), timed)));
  return {
    takenMs: () => Number(taken) / 1e6,
    restore() {
      NetlinkSocket.open = open;
      files.restore();
    },
  };
}

/** Whole writes, and what is done with descriptors in between. */
function timedSysctls(timed: Timed): { restore(): void } {
  const before = { ...fs }, { writeFileSync, openSync, closeSync, readSync, writeSync } = before;
  const isSysctl = (path: unknown): boolean => String(path).startsWith("/proc/sys/"), descriptors = new Set<number>();
  const ofDescriptor = <A extends readonly unknown[], T>(work: (fd: number, ...rest: A) => T) => (
    (fd: number, ...rest: A): T => (descriptors.has(fd) ? timed(() => work(fd, ...rest)) : work(fd, ...rest)));
  fs.writeFileSync = (path, ...rest) => (isSysctl(path)
    ? timed(() => writeFileSync(path, ...rest)) : writeFileSync(path, ...rest));
  fs.openSync = (path, ...rest) => {
    if (!isSysctl(path)) return openSync(path, ...rest);
    const fd = timed(() => openSync(path, ...rest));
    descriptors.add(fd);
    return fd;
  };
  fs.closeSync = (fd) => {
    ofDescriptor(closeSync)(fd);
    descriptors.delete(fd);
  };
  // Both have several signatures, of which each call is handed on as it came.
  fs.readSync = ofDescriptor(readSync as (...all: any[]) => number) as typeof fs.readSync;
  fs.writeSync = ofDescriptor(writeSync as (...all: any[]) => number) as typeof fs.writeSync;
  syncBuiltinESMExports();
  return {
    restore() {
      Object.assign(fs, { writeFileSync, openSync, closeSync, readSync, writeSync });
      syncBuiltinESMExports();
    },
  };
}

type Timed = <T>(work: () => T) => T;

function timedTransport(transport: Transport, timed: Timed): Transport {
  return {
    send: (bytes, count) => timed(() => transport.send(bytes, count)),
    sendAside: (bytes) => timed(() => transport.sendAside(bytes)),
    receive: (into) => timed(() => transport.receive(into)),
    close: () => transport.close(),
  };
}
