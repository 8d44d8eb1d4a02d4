/**
 * What the reference plugin and its daemon say to each other on a unix socket: Go's net/rpc over HTTP, a CONNECT and
 * then values of encoding/gob, a header and a body each (https://pkg.go.dev/net/rpc).
 */
import type { Result } from "../cni/index.ts";
import type { GobValue } from "./gob-reader.ts";
import { gobReader, recordOf } from "./gob-reader.ts";
import type { GobFields, GobStruct } from "./gob-writer.ts";
import { gobWriter } from "./gob-writer.ts";
import { DhcpError } from "./message.ts";
import { resultFields, resultOf, resultShape } from "./rpc-result.ts";

/** One call of a plugin, as it travels to the daemon. */
export interface DhcpRequest {
  readonly containerId: string;
  /** An absolute path. */
  readonly netns: string;
  readonly ifName: string;
  readonly args: string;
  readonly path: string;
  /** The plugin's configuration, JSON. */
  readonly stdin: string;
}

export type DhcpMethod = "DHCP.Allocate" | "DHCP.Release";

const requestHeader: GobStruct = { struct: [["ServiceMethod", "string"], ["Seq", "uint"]] };
const responseHeader: GobStruct = { struct: [["ServiceMethod", "string"], ["Seq", "uint"], ["Error", "string"]] };
const argsShape: GobStruct = {
  struct: [
    ["ContainerID", "string"], ["Netns", "string"], ["IfName", "string"], ["Args", "string"], ["Path", "string"],
    ["NetnsOverride", "string"], ["StdinData", "bytes"],
  ],
};
const nothing: GobStruct = { struct: [] };

const connectLine = /^CONNECT \/_goRPC_ HTTP\/1\.[01]$/;
const connectedLine = /^HTTP\/1\.[01] 200 Connected to Go RPC$/;
/** The head of an HTTP message: nobody has reason to send more. */
const headBytesMax = 4096;
/** Of what the other end has said instead. */
const shownChars = 80;

/** A call that has come, to be answered under its number. */
export interface IncomingCall {
  readonly method: string;
  readonly seq: number;
  readonly request: DhcpRequest;
}

/** One connection as the daemon has it. */
export interface RpcServer {
  /** @returns what is to be sent at once, and the calls that have come whole @throws DhcpError for anything else */
  push(chunk: Uint8Array): { readonly greeting: Uint8Array | undefined; readonly calls: readonly IncomingCall[] };
  /** The answer to a call; `result` of an Allocate. */
  answer(call: IncomingCall, result: Result | undefined): Uint8Array;
  fail(call: IncomingCall, message: string): Uint8Array;
}

export function rpcServer(): RpcServer {
  const head = httpHead(), reader = gobReader(), writer = gobWriter();
  let header: GobValue | undefined;
  const respond = ({ method, seq }: IncomingCall, error: string, shape: GobStruct, body: GobFields): Uint8Array =>
    joined(writer.write(responseHeader, { ServiceMethod: method, Seq: seq, Error: error }), writer.write(shape, body));
  return {
    push(chunk) {
      const found = head.push(chunk);
      if (found === undefined) return { greeting: undefined, calls: [] };
      const { line, rest } = found;
      if (line !== undefined && !connectLine.test(line)) throw new DhcpError(notSpoken(line, "CONNECT /_goRPC_"));
      const calls: IncomingCall[] = [];
      for (const value of reader.push(rest)) {
        if (header === undefined) {
          header = value;
          continue;
        }
        calls.push({ ...headerOf(header), request: requestOf(value) });
        header = undefined;
      }
      return { greeting: line === undefined ? undefined : utf8("HTTP/1.0 200 Connected to Go RPC\n\n"), calls };
    },
    answer: (call, result) => (result === undefined ? respond(call, "", nothing, {})
      : respond(call, "", resultShape, resultFields(result))),
    fail: (call, message) => respond(call, message, nothing, {}),
  };
}

/** One connection as the plugin has it, for one call. */
export interface RpcClient {
  readonly greeting: Uint8Array;
  /** To be sent once the daemon has greeted back: whoever else listens there hears nothing of it. */
  readonly call: Uint8Array;
  readonly isGreeted: boolean;
  /** @returns the answer once it is there whole @throws DhcpError for what is none */
  push(chunk: Uint8Array): { readonly error: string; readonly result: Result | undefined } | undefined;
}

export function rpcClient(method: DhcpMethod, request: DhcpRequest): RpcClient {
  const head = httpHead(), reader = gobReader(), writer = gobWriter(), values: GobValue[] = [];
  let isGreeted = false;
  return {
    get isGreeted() { return isGreeted; },
    greeting: utf8("CONNECT /_goRPC_ HTTP/1.0\n\n"),
    call: joined(writer.write(requestHeader, { ServiceMethod: method, Seq: 1 }),
      writer.write(argsShape, fieldsOf(request))),
    push(chunk) {
      const found = head.push(chunk);
      if (found === undefined) return undefined;
      const { line, rest } = found;
      if (line !== undefined && !connectedLine.test(line)) {
        throw new DhcpError(notSpoken(line, "200 Connected to Go RPC"));
      }
      isGreeted = true;
      values.push(...reader.push(rest));
      const [header, body] = values;
      if (header === undefined || body === undefined) return undefined;
      const error = textAt(header, "Error");
      return { error, result: error === "" && method === "DHCP.Allocate" ? resultOf(body) : undefined };
    },
  };
}

/** Takes the head of an HTTP message off a stream; gives its first line with the first bytes behind it, once. */
function httpHead(): {
  push(chunk: Uint8Array): { readonly line: string | undefined; readonly rest: Uint8Array } | undefined;
} {
  let pending: Uint8Array = new Uint8Array(), isOver = false;
  return {
    push(chunk) {
      if (isOver) return { line: undefined, rest: chunk };
      pending = joined(pending, chunk);
      const text = String.fromCharCode(...pending.subarray(0, headBytesMax));
      const end = /\r?\n\r?\n/.exec(text);
      if (end === null) {
        if (pending.length >= headBytesMax) throw new DhcpError(notSpoken(text, "the head of a message"));
        return undefined;
      }
      isOver = true;
      return { line: text.split(/\r?\n/, 1)[0] ?? "", rest: pending.slice(end.index + end[0].length) };
    },
  };
}

function headerOf(header: GobValue): { readonly method: string; readonly seq: number } {
  const { Seq = 0 } = recordOf(header);
  return { method: textAt(header, "ServiceMethod"), seq: typeof Seq === "number" ? Seq : 0 };
}

function requestOf(body: GobValue): DhcpRequest {
  const { StdinData } = recordOf(body);
  return {
    containerId: textAt(body, "ContainerID"),
    netns: textAt(body, "Netns"),
    ifName: textAt(body, "IfName"),
    args: textAt(body, "Args"),
    path: textAt(body, "Path"),
    stdin: StdinData instanceof Uint8Array ? new TextDecoder().decode(StdinData) : "",
  };
}

function fieldsOf({ containerId, netns, ifName, args, path, stdin }: DhcpRequest): GobFields {
  return {
    ContainerID: containerId, Netns: netns, IfName: ifName, Args: args, Path: path, StdinData: utf8(stdin),
  };
}

function textAt(value: GobValue, field: string): string {
  const found = recordOf(value)[field];
  return typeof found === "string" ? found : "";
}

function notSpoken(line: string, expected: string): string {
  const shown = JSON.stringify(line.slice(0, shownChars));
  return `Cannot speak Go's net/rpc: the other end says ${shown}, expected ${expected}`;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}
