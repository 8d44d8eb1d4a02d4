import type { Socket } from "node:net";
import type { Result } from "../../cni/index.ts";
import { messageOf } from "../../cni/index.ts";
import type { DhcpRequest, IncomingCall } from "../../dhcp/index.ts";
import { DhcpError, rpcServer } from "../../dhcp/index.ts";

/** Who does what is asked. */
export interface RpcDesk {
  /** @param signal  aborts when nobody waits for the answer any more */
  allocate(request: DhcpRequest, signal: AbortSignal): Promise<Result>;
  release(request: DhcpRequest): void;
  log(line: string): void;
}

/** A caller says what it wants at once; a plugin's connection has one call. */
const readMs = 30_000, callsMax = 16;

/** One plugin's connection, from its first byte to its end. */
export function serveRpc(socket: Socket, desk: RpcDesk): void {
  const rpc = rpcServer(), gone = new AbortController();
  let under = 0;
  const limit = setTimeout(() => end("no whole call came in time"), readMs);
  const end = (why: string): void => {
    desk.log(`connection ended: ${why}`);
    socket.destroy();
  };
  const serve = async (call: IncomingCall): Promise<void> => {
    under++;
    const answer = await answered(call, desk, gone.signal).then(
      (result) => rpc.answer(call, result),
      (error: unknown) => {
        desk.log(messageOf(error));
        return rpc.fail(call, messageOf(error));
      },
    );
    under--;
    if (!gone.signal.aborted) socket.write(answer);
  };
  socket.on("data", (chunk: Buffer) => {
    try {
      const { greeting, calls } = rpc.push(chunk);
      if (greeting !== undefined) socket.write(greeting);
      if (calls.length > 0) clearTimeout(limit);
      for (const call of calls) {
        if (under >= callsMax) return end(`more than ${callsMax} calls are under way on it`);
        void serve(call);
      }
    } catch (error) {
      if (!(error instanceof DhcpError)) throw error;
      end(error.message);
    }
  });
  // What follows it is the close.
  socket.on("error", () => undefined);
  socket.on("close", () => {
    clearTimeout(limit);
    gone.abort();
  });
}

async function answered(call: IncomingCall, desk: RpcDesk, signal: AbortSignal): Promise<Result | undefined> {
  switch (call.method) {
    case "DHCP.Allocate": return await desk.allocate(call.request, signal);
    case "DHCP.Release": return void desk.release(call.request);
    default: throw new DhcpError(`rpc: can't find method ${call.method}`);
  }
}
