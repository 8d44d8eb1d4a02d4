/** A kernel that answers what a test tells it to: plugs in below NetlinkSocket, so that the real codec runs. */
import type { Transport } from "../../src/kernel/transport.ts";
import {
  findMessage,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  nlmsghdr,
  NLMSG_DONE,
  NLMSG_ERROR,
  Output,
} from "../../src/netlink/index.ts";
import type { Payload } from "../../src/netlink/index.ts";

/** A request as the scripted kernel sees it. */
export interface SeenRequest {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
}

/** What the scripted kernel puts into one datagram; sequence numbers are the request's unless given. */
export type Answer =
  | { readonly ack: number; readonly text?: string; readonly sequence?: number }
  | { readonly done: true; readonly flags?: number }
  | { readonly bytes: Uint8Array; readonly flags?: number; readonly sequence?: number }
  | { readonly broken: Uint8Array };

export interface ScriptedKernel extends Transport {
  readonly requests: readonly SeenRequest[];
  readonly closed: boolean;
}

/**
 * Each datagram sent takes the next entry of the script: the datagrams that answer it. `answer` sees all of its
 * requests.
 */
export function scriptedKernel(
  script: readonly ((requests: readonly SeenRequest[]) => readonly (readonly Answer[])[])[],
): ScriptedKernel {
  const requests: SeenRequest[] = [];
  const waiting: Uint8Array[] = [];
  let sends = 0;
  let closed = false;
  return {
    requests,
    get closed() {
      return closed;
    },
    async sendAside(bytes) {
      this.send(bytes, bytes.length);
    },
    send(bytes, count) {
      const seen: SeenRequest[] = [];
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      for (let at = 0; at < count; ) {
        const { type, flags, sequence, next } = findMessage(view, at, count);
        seen.push({ type, flags, sequence });
        at = next;
      }
      requests.push(...seen);
      const answers = script[sends++];
      if (answers === undefined) throw new Error(`the script has no answer to send ${sends}`);
      for (const datagram of answers(seen)) waiting.push(encodeDatagram(datagram, seen.at(-1)?.sequence ?? 0));
    },
    receive(into) {
      const datagram = waiting.shift();
      if (datagram === undefined) return undefined;
      into.set(datagram.subarray(0, into.length));
      return datagram.length;
    },
    close() {
      closed = true;
    },
  };
}

/** The bytes of a payload, for an answer. */
export function bytesOfPayload<T>(payload: Payload<T>, value: T): Uint8Array {
  const out = new Output(65_536);
  payload.write(out, value);
  return out.bytes.slice(0, out.length);
}

function encodeDatagram(answers: readonly Answer[], sequence: number): Uint8Array {
  const parts = answers.flatMap((answer) => encodeAnswer(answer, sequence));
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function encodeAnswer(answer: Answer, sequence: number): readonly Uint8Array[] {
  if ("broken" in answer) return [answer.broken];
  if ("bytes" in answer) return [message(0x99, answer.flags ?? 0, answer.sequence ?? sequence, answer.bytes)];
  if ("done" in answer) return [message(NLMSG_DONE, answer.flags ?? 0, sequence, new Uint8Array(4))];

  const text = answer.text === undefined ? new Uint8Array()
    : attribute(1, new TextEncoder().encode(`${answer.text}\0`));
  // struct nlmsgerr: the errno, then the request's header; only its length matters to readers.
  const content = new Uint8Array(4 + nlmsghdr.bytes + text.length);
  const view = new DataView(content.buffer);
  view.setInt32(0, -answer.ack, true);
  view.setUint32(4, 400, true);
  content.set(text, 4 + nlmsghdr.bytes);
  const flags = NLM_F_CAPPED | (answer.text === undefined ? 0 : NLM_F_ACK_TLVS);
  return [message(NLMSG_ERROR, flags, answer.sequence ?? sequence, content)];
}

function message(type: number, flags: number, sequence: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((nlmsghdr.bytes + content.length + 3) & ~3);
  nlmsghdr.put(new DataView(bytes.buffer), 0, { length: nlmsghdr.bytes + content.length, type, flags, sequence });
  bytes.set(content, nlmsghdr.bytes);
  return bytes;
}

function attribute(type: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((4 + content.length + 3) & ~3);
  new DataView(bytes.buffer).setUint16(0, 4 + content.length, true);
  new DataView(bytes.buffer).setUint16(2, type, true);
  bytes.set(content, 4);
  return bytes;
}
