import { connect } from "node:net";
import type { Result } from "../cni/index.ts";
import { CniError, code, messageOf } from "../cni/index.ts";
import type { DhcpMethod, DhcpRequest } from "../dhcp/index.ts";
import { rpcClient } from "../dhcp/index.ts";

/** The daemon that leases addresses by DHCP, ours or the reference's, at a unix socket. */
export interface DhcpDaemon {
  /**
   * An address for an interface, the one it has or a new one.
   *
   * @throws CniError 11 when there is none, NoDhcpDaemon when nobody listens
   */
  allocate(request: DhcpRequest): Promise<Result>;
  /** Gives it back; there is none is fine. @throws CniError 11, NoDhcpDaemon */
  release(request: DhcpRequest): Promise<void>;
  /** @throws NoDhcpDaemon */
  requireListening(): Promise<void>;
}

/** Nobody listens at the socket. */
export class NoDhcpDaemon extends CniError {}

/** Longer than the reference's daemon asks before it gives up, 208 s; a runtime has given up by then. */
const allocateMs = 300_000, releaseMs = 30_000, connectMs = 10_000;

/** Nothing is connected to before it is asked. */
export function openDhcpDaemon(path: string): DhcpDaemon {
  return {
    async allocate(request) {
      const result = await call(path, "DHCP.Allocate", request, allocateMs);
      if (result !== undefined) return result;
      throw unusable(path, "it gave no address");
    },
    release: async (request) => void (await call(path, "DHCP.Release", request, releaseMs)),
    requireListening: () => (
      exchange(path, connectMs, (socket, { done }) => socket.on("connect", () => done(undefined)))),
  };
}

async function call(
  path: string, method: DhcpMethod, request: DhcpRequest, limitMs: number,
): Promise<Result | undefined> {
  return await exchange(path, limitMs, (socket, { done, fail }) => {
    const rpc = rpcClient(method, request);
    let isSent = false;
    socket.on("connect", () => socket.write(rpc.greeting));
    socket.on("data", (chunk: Buffer) => {
      try {
        const answer = rpc.push(chunk);
        if (rpc.isGreeted && !isSent) {
          isSent = true;
          socket.write(rpc.call);
        }
        if (answer === undefined) return;
        if (answer.error === "") done(answer.result);
        else fail(new CniError(code.tryAgainLater, answer.error));
      } catch (error) {
        fail(unusable(path, messageOf(error), error));
      }
    });
  });
}

interface Ends<T> {
  done(value: T): void;
  fail(error: CniError): void;
}

/** One connection, which ends with a value or an error, and with the latter after `limitMs`. */
function exchange<T>(
  path: string, limitMs: number, work: (socket: ReturnType<typeof connect>, ends: Ends<T>) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path }), limit = setTimeout(() => ends.fail(silent(path, limitMs)), limitMs);
    let isConnected = false;
    const end = (): void => {
      clearTimeout(limit);
      socket.destroy();
    };
    const ends: Ends<T> = {
      done(value) {
        end();
        resolve(value);
      },
      fail(error) {
        end();
        reject(error);
      },
    };
    socket.on("connect", () => { isConnected = true; });
    socket.on("error", (error) => (
      ends.fail(isConnected ? unusable(path, messageOf(error), error) : absent(path, error))));
    socket.on("close", () => ends.fail(unusable(path, "it ended without an answer")));
    work(socket, ends);
  });
}

function absent(path: string, cause: Error): NoDhcpDaemon {
  const errno = "code" in cause ? cause.code : undefined;
  const what = errno === "ENOENT" ? "there is no such socket"
    : errno === "ECONNREFUSED" ? "a socket is there that nobody listens at any more" : messageOf(cause);
  return new NoDhcpDaemon(code.tryAgainLater,
    `Cannot reach the DHCP daemon at ${path}: ${what}, expected a running one (polynic dhcp-daemon)`, { cause });
}

function silent(path: string, limitMs: number): CniError {
  return new CniError(code.tryAgainLater, `Cannot use the DHCP daemon at ${path}: no answer within ${limitMs} ms`);
}

function unusable(path: string, why: string, cause?: unknown): CniError {
  return new CniError(code.tryAgainLater, `Cannot use the DHCP daemon at ${path}: ${why}`, { cause });
}
