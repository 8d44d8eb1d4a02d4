// The ADD of each plugin in a warm process beside the kernel's own share of it: the time its system calls take, from
// handing the bytes over to having the answer. What is left is ours: reading the configuration, deciding, encoding,
// decoding. A system call that need not be would count as the kernel's, so their number stands beside.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { Warm } from "../../../src/call/index.ts";
import { openWarm } from "../../../src/call/index.ts";
import type { Result } from "../../../src/cni/index.ts";
import { NetlinkSocket } from "../../../src/kernel/socket.ts";
import { openTransport } from "../../../src/kernel/transport.ts";
import type { Transport } from "../../../src/kernel/transport.ts";
import { libc } from "../../../src/os/libc.ts";
import { builtIn } from "../../../src/plugins/index.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, del } from "../../helpers/handles.ts";
import { against, ms, ratio, summarize, table } from "../statistics.ts";
import { makeContainer, removeContainer } from "../whole-process.ts";

/** Until then V8 is still compiling: an ADD of sbr takes twice as long after 20. */
const warmUpRounds = 300, most = 2;
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
    return table(["", "in-process ms", "kernel's share ms", "system calls", "ratio", "goal"], cells);
  } finally {
    kernel.restore();
    warm.close();
    for (const name of ["family0", "family1"]) ip(`link del ${name}`);
  }
}

function ip(words: string): void {
  execFileSync("ip", words.split(" "));
}

async function measured(row: Row, count: number, watched: Process): Promise<string[]> {
  await inContainer(async (netns) => {
    for (let round = 0; round < warmUpRounds; round++) await onceTimed(row, netns, watched);
  });
  const all: Once[] = [];
  for (let round = 0; round < count; round++)
    await inContainer(async (netns) => void all.push(await onceTimed(row, netns, watched)));
  const [ownMs, shareMs, calls] = (["tookMs", "kernelMs", "calls"] as const)
    .map((key) => summarize(all.map((one) => one[key])).medianMs);
  if (ownMs === undefined || shareMs === undefined) throw new Error(`Nothing was measured of ${row.type}`);
  const shown = [ms(ownMs), ms(shareMs), String(calls), ratio(ownMs, shareMs)];
  return [`ADD of ${row.type}`, ...shown, against(ownMs / shareMs, most)];
}

async function inContainer(work: (netns: string) => Promise<void>): Promise<void> {
  const netns = makeContainer();
  await work(netns);
  removeContainer();
}

interface Once {
  readonly tookMs: number;
  readonly kernelMs: number;
  /** System calls. */
  readonly calls: number;
}

async function onceTimed({ type, conf, before }: Row, netns: string, { kernel, warm }: Process): Promise<Once> {
  const first = before === undefined ? undefined : driven(before, netns, { warm });
  const prevResult = first === undefined ? undefined : await add(first);
  const call = driven({ type, conf }, netns, { warm, prevResult });
  // What the kernel clears up after a DEL is nothing of the next ADD.
  await kernel.ended();
  const earlier = kernel.taken(), begin = process.hrtime.bigint();
  const result = await add(call);
  const tookMs = Number(process.hrtime.bigint() - begin) / 1e6, { kernelMs, calls } = kernel.taken();
  await del({ ...call, prevResult: result });
  if (first !== undefined) await del({ ...first, ...(prevResult === undefined ? {} : { prevResult }) });
  return { tookMs, kernelMs: kernelMs - earlier.kernelMs, calls: calls - earlier.calls };
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
    ms(few ?? Number.NaN), "", ratio(many ?? Number.NaN, few ?? Number.NaN),
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
  taken(): Omit<Once, "tookMs">;
  /** When nothing is waited for on another thread any more. */
  ended(): Promise<void>;
  restore(): void;
}

/** Watches the doors to the kernel that plugins have: netlink sockets, other calls of the C library, files. */
function watchKernel(): Watched {
  let taken = 0n, calls = 0;
  const aside = new Set<Promise<unknown>>();
  const timed: Timed = (work) => {
    calls++;
    const begin = process.hrtime.bigint();
    const end = (): void => { taken += process.hrtime.bigint() - begin; };
    const value = work();
    // What is waited for on another thread is the kernel's time as well.
    if (value instanceof Promise) {
      const ended = value.then(end, end).then(() => void aside.delete(ended));
      aside.add(ended);
    } else end();
    return value;
  };
  const { open } = NetlinkSocket, restores = [timedFiles(timed), timedLibc(timed)];
  NetlinkSocket.open = (protocol, options) => (
    new NetlinkSocket(timedTransport(openTransport(protocol, options), timed)));
  return {
    taken: () => ({ kernelMs: Number(taken) / 1e6, calls }),
    async ended() {
      await Promise.all(aside);
      await new Promise((resolve) => setImmediate(resolve)); // and their sockets are closed
    },
    restore() {
      NetlinkSocket.open = open;
      for (const restore of restores) restore();
    },
  };
}

type AnyFunction = (...all: unknown[]) => unknown;

/** One system call each; `writeFileSync`, which is three, and `readFileSync` count once. */
const fileCalls = [
  "closeSync", "existsSync", "fstatSync", "futimesSync", "linkSync", "lstatSync", "mkdirSync", "openSync",
  "readFileSync", "readSync", "readdirSync", "renameSync", "statSync", "statfsSync", "unlinkSync", "writeFileSync",
  "writeSync",
] as const;

/** Files: sysctls, descriptors of namespaces and /dev/net/tun, the notes that a plugin keeps. */
function timedFiles(timed: Timed): () => void {
  const before = Object.fromEntries(fileCalls.map((name) => [name, fs[name]]));
  // Each call is handed on as it came, whatever its signature.
  for (const name of fileCalls) Object.assign(fs, { [name]: passing(fs[name] as AnyFunction, timed) });
  syncBuiltinESMExports();
  return () => {
    Object.assign(fs, before);
    syncBuiltinESMExports();
  };
}

/** Entering namespaces, opening sockets, making tap links; `send` and `recv` are the transport's. */
const libcCalls = ["flock", "ioctl", "ioctlNumber", "setns", "setsockopt", "socket"] as const;

function timedLibc(timed: Timed): () => void {
  const functions = libc(), before = libcCalls.map((name) => [name, functions[name]] as const);
  const put = (name: string, value: unknown): void => { Object.defineProperty(functions, name, { value }); };
  for (const [name, work] of before) put(name, passing(work as AnyFunction, timed));
  return () => {
    for (const [name, work] of before) put(name, work);
  };
}

function passing(work: AnyFunction, timed: Timed): AnyFunction {
  return (...all) => timed(() => work(...all));
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
