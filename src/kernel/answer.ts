import type { Ack } from "../netlink/index.ts";
import { errnoNumber } from "../os/index.ts";
import { NetlinkError } from "./netlink-error.ts";

/** The message of an answer that must have one; throws what the kernel said instead. */
export function valueOf<T>({ operation }: { readonly operation: string }, answer: { readonly value: T } | Ack): T {
  if ("value" in answer) return answer.value;
  throwRefusal(operation, answer);
  throw new NetlinkError(operation, errnoNumber.EBADMSG, "the kernel answered without a message");
}

export function throwRefusal(operation: string, { errno, text, offset }: Ack): void {
  if (errno !== 0) throw new NetlinkError(operation, errno, text, offset);
}

export function noAnswer(operation: string): NetlinkError {
  return new NetlinkError(operation, errnoNumber.EAGAIN, "the kernel gave no answer");
}
