import type { ClientCertificate, Peer } from "../../http/index.ts";
import { Connection } from "../../http/index.ts";
import type { Access } from "./access.ts";

/** What an object of the API can be, several times over: etcd takes 1.5 MiB. */
const bodyBytesMax = 8 * 1024 * 1024;
/** Each costs a handshake, 3 ms of this process, and saves the wait for an answer; see docs/dependencies.md. */
const socketsMax = 3;
/** Of a process that serves many calls: as many as are worked on at once. */
const keptSocketsMax = 32;
/**
 * A client certificate is renewed now and then, an API server's address hardly ever. There are more while more are in
 * use.
 */
const connectionsMax = 8;

/** The API of a cluster, as one client. */
export function peerOf(
  { server: url, trust, proxy }: Access, certificate: ClientCertificate | undefined, sockets = socketsMax,
): Peer {
  return { url, trust, proxy, certificate, sockets, bodyBytesMax };
}

/** Connections by server and client: a certificate belongs to a connection, so another one needs another. */
export class Connections {
  readonly #sockets: number | undefined;
  /** The one that was asked for last stands last. */
  readonly #open = new Map<string, Connection>();

  /** @param sockets  of each, at once */
  constructor(sockets?: number) {
    this.#sockets = sockets;
  }

  as(access: Access, certificate: ClientCertificate | undefined): Connection {
    const peer = peerOf(access, certificate, this.#sockets), key = JSON.stringify(peer);
    const connection = this.#open.get(key) ?? new Connection(peer);
    this.#open.delete(key);
    // Of one in use somebody waits for the answer, maybe to a write.
    const idle = [...this.#open].filter(([, { isIdle }]) => isIdle).slice(0, this.#open.size + 1 - connectionsMax);
    if (this.#open.size >= connectionsMax) for (const [oldest] of idle) this.#drop(oldest);
    this.#open.set(key, connection);
    return connection;
  }

  /** Drops all of them, those in use too. */
  close(): void {
    for (const key of this.#open.keys()) this.#drop(key);
  }

  #drop(key: string): void {
    this.#open.get(key)?.close();
    this.#open.delete(key);
  }
}

/** Connections that are kept between calls, for all of them. */
export function openConnections(): Connections {
  return new Connections(keptSocketsMax);
}
