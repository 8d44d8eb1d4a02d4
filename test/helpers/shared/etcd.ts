/** etcd from Debian, a process a member, with its data in memory. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { waitLimitMs } from "../limits.ts";

export const hasEtcd = spawnSync("etcd", ["--version"]).status === 0;

export interface Member {
  readonly endpoint: string;
  /** Where it talks with the others. */
  readonly peerPort: number;
  signal(name: NodeJS.Signals): void;
  /** Starts it again where it was. */
  restart(): void;
}

export interface Etcd {
  readonly members: readonly Member[];
  readonly endpoints: readonly string[];
  /** Until it takes writes. */
  ready(): Promise<void>;
  post(path: string, body: object, endpoint?: string): Promise<{ readonly [key: string]: unknown }>;
  close(): Promise<void>;
}

export interface EtcdMaking {
  readonly members?: number;
  readonly args?: readonly string[];
  /** On disk, where it waits for each write as it does in earnest. */
  readonly onDisk?: boolean;
  /** Whom each member runs as, which firewall rules can tell; absent: as the test does. */
  readonly uids?: readonly number[];
  /** `https` with the arguments for it. */
  readonly scheme?: "http" | "https";
}

export async function startEtcd(
  { members: count = 1, args = [], scheme = "http", onDisk = false, uids = [] }: EtcdMaking = {},
): Promise<Etcd> {
  const directory = mkdtempSync(join(existsSync("/dev/shm") && !onDisk ? "/dev/shm" : tmpdir(), "polynic-etcd-"));
  const ports = await freePorts(count * 2);
  const peers = Array.from({ length: count }, (_, i) => `m${i}=http://127.0.0.1:${ports[count + i]}`);
  const members = peers.map((_, i) => startMember(i, { directory, ports, peers, args, scheme, uid: uids[i] }));
  const endpoints = members.map(({ endpoint }) => endpoint);
  const post = async (path: string, body: object, endpoint = endpoints[0] ?? "") => {
    const answer = await fetch(`${endpoint}${path}`, { method: "POST", body: JSON.stringify(body) });
    return await answer.json() as { readonly [key: string]: unknown }; // an object, as all its answers are
  };
  const etcd: Etcd = {
    members, endpoints, post,
    ready: async () => {
      const limit = Date.now() + waitLimitMs;
      for (const endpoint of endpoints) await untilWritable(() => post("/v3/kv/put", probe, endpoint), limit);
    },
    async close() {
      await Promise.all(members.map(({ stop }) => stop()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
  if (scheme === "http") await etcd.ready();
  return etcd;
}

const probe = { key: Buffer.from("/probe").toString("base64"), value: "" };

async function untilWritable(put: () => Promise<{ readonly [key: string]: unknown }>, limit: number): Promise<void> {
  for (;;) {
    const answer = await put().catch((error: unknown) => ({ error }));
    if ("header" in answer) return;
    if (Date.now() > limit) throw new Error(`etcd does not come up: ${JSON.stringify(answer)}`);
    await sleep(50);
  }
}

interface MemberMaking {
  readonly directory: string;
  readonly ports: readonly number[];
  readonly peers: readonly string[];
  readonly args: readonly string[];
  readonly scheme: string;
  readonly uid: number | undefined;
}

function startMember(i: number, { directory, ports, peers, args, scheme, uid }: MemberMaking) {
  const endpoint = `${scheme}://127.0.0.1:${ports[i]}`, peer = `http://127.0.0.1:${ports[peers.length + i]}`;
  const dataDir = join(directory, `m${i}`);
  if (uid !== undefined) {
    chmodSync(directory, 0o711);
    mkdirSync(dataDir, { mode: 0o700 });
    chownSync(dataDir, uid, uid);
  }
  const start = (): ChildProcess => spawn("etcd", [
    "--name", `m${i}`, "--data-dir", dataDir, "--log-level", "error",
    "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", peers.join(","), ...args,
  ], { stdio: "ignore", ...(uid === undefined ? {} : { uid, gid: uid }) });
  let child = start();
  return {
    endpoint, peerPort: Number(new URL(peer).port),
    signal: (name: NodeJS.Signals) => void child.kill(name),
    restart() { child = start(); },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** Which of the members leads. */
export async function leaderOf(etcd: Etcd): Promise<number> {
  for (const [index, endpoint] of etcd.endpoints.entries()) {
    const { header, leader } = await etcd.post("/v3/maintenance/status", {}, endpoint) as
      { header: { member_id: string }; leader: string };
    if (header.member_id === leader) return index;
  }
  throw new Error("no member leads");
}

/** Ports that nobody has at the moment. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return server;
  }));
  // A TCP server's address is an object.
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(async (server) => await new Promise((resolve) => server.close(resolve))));
  return ports;
}
