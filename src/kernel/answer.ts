import type { Ack } from "../netlink/index.ts";
import { errnoNumber, SystemCallError } from "../os/index.ts";
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

/** Work on a socket: what the C library says against it does not say what the socket was used for. */
export function named<T>(operation: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw namedError(operation, error);
  }
}

/** The C library's error as one of that operation. */
export function namedError(operation: string, error: unknown): unknown {
  return error instanceof SystemCallError ? new NetlinkError(operation, error.errno) : error;
}

/** What several requests that go together are called. */
export function lastOf(requests: readonly { readonly operation: string }[]): string {
  return requests.at(-1)?.operation ?? "send nothing";
}
