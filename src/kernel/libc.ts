import koffi from "koffi";

/**
 * The C library: the only file with C signatures. A wrapper returns the call's value or throws SystemCallError.
 * Functions are looked up at first use, so importing this file costs nothing but koffi itself.
 */

/** A call of the C library that failed: its name, errno and the system's own words for it. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly call: string;
  readonly errno: number;
  /** "EPERM" and the like. */
  readonly errnoName: string;

  constructor(call: string, errno: number) {
    super(`Cannot ${call}: kernel said ${errnoName(errno)} (${errnoText(errno)})`);
    this.call = call;
    this.errno = errno;
    this.errnoName = errnoName(errno);
  }
}

// linux/socket.h, asm-generic/socket.h
export const AF_NETLINK = 16;
export const SOL_SOCKET = 1;
export const SO_RCVBUFFORCE = 33;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
/** sched.h */
const CLONE_NEWNET = 0x4000_0000;

const EINTR = 4;
const EAGAIN = 11;

/** A raw socket; closed on exec. */
export function socket(family: number, protocol: number): number {
  return check("socket", libc().socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol));
}

export function setSocketOption(fd: number, level: number, option: number, value: number): void {
  intArgument[0] = value;
  check("setsockopt", libc().setsockopt(fd, level, option, intArgument, intArgument.byteLength));
}

/** Sends the first `count` bytes as one datagram to the address the socket has by default (for netlink: the kernel). */
export function send(fd: number, bytes: Uint8Array, count: number): void {
  const sent = retryOnSignal(() => libc().send(fd, bytes, count, 0));
  check("send", sent);
}

/** Receives one datagram without waiting; returns its length, which may exceed the buffer's, or undefined when there is none. */
export function receive(fd: number, into: Uint8Array): number | undefined {
  const received = retryOnSignal(() => libc().recv(fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC));
  if (received === -1 && koffi.errno() === EAGAIN) return undefined;
  return check("recv", received);
}

/** Moves the calling thread into the network namespace `fd` names. */
export function enterNetworkNamespace(fd: number): void {
  check("setns", libc().setns(fd, CLONE_NEWNET));
}

export type FileLockMode = "shared" | "exclusive";

/** Takes the lock when it is free; false when somebody else has it. */
export function tryFileLock(fd: number, mode: FileLockMode): boolean {
  const LOCK_SH = 1;
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  const result = retryOnSignal(() => libc().flock(fd, (mode === "shared" ? LOCK_SH : LOCK_EX) | LOCK_NB));
  if (result === -1 && koffi.errno() === EAGAIN) return false;
  check("flock", result);
  return true;
}

/** Random bytes from the kernel; node:crypto takes milliseconds to load. */
export function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  // Up to 256 bytes come whole or not at all, see getrandom(2).
  if (count > 256) throw new RangeError(`Cannot take ${count} random bytes: expected at most 256`);
  check("getrandom", retryOnSignal(() => libc().getrandom(bytes, count, 0)));
  return bytes;
}

/** "EEXIST" for 17; numbers without a name stay numbers. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(koffi.os.errno)) {
    // Both names have one number on Linux; the shorter is what the kernel's documentation uses.
    if (value === errno && name !== "EWOULDBLOCK" && name !== "ENOTSUP" && name !== "EDEADLOCK") return name;
  }
  return `errno ${errno}`;
}

/** "File exists" for 17. */
export function errnoText(errno: number): string {
  return libc().strerror(errno);
}

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Int32Array, bytes: number): number;
  send(fd: number, bytes: Uint8Array, count: number, flags: number): number;
  recv(fd: number, into: Uint8Array, count: number, flags: number): number;
  setns(fd: number, type: number): number;
  flock(fd: number, operation: number): number;
  getrandom(into: Uint8Array, count: number, flags: number): number;
  strerror(errno: number): string;
}

const signatures: Readonly<Record<keyof Libc, string>> = {
  socket: "int socket(int domain, int type, int protocol)",
  setsockopt: "int setsockopt(int fd, int level, int name, void *value, uint32_t bytes)",
  send: "intptr_t send(int fd, void *bytes, size_t count, int flags)",
  recv: "intptr_t recv(int fd, void *into, size_t count, int flags)",
  setns: "int setns(int fd, int type)",
  flock: "int flock(int fd, int operation)",
  getrandom: "intptr_t getrandom(void *into, size_t count, unsigned int flags)",
  strerror: "str strerror(int errnum)",
};

let loaded: Libc | undefined;
const intArgument = new Int32Array(1);

function libc(): Libc {
  return (loaded ??= load());
}

function load(): Libc {
  // The C library is already part of this process, whatever its file is called.
  const library = koffi.load(null);
  const functions = Object.entries(signatures).map(([name, signature]) => [name, library.func(signature)]);
  // One function per key of Libc, each declared by the C signature its TypeScript one mirrors.
  return Object.fromEntries(functions) as Libc;
}

function check(call: string, result: number): number {
  if (result === -1) throw new SystemCallError(call, koffi.errno());
  return result;
}

function retryOnSignal(call: () => number): number {
  const maxTries = 100;
  let result = call();
  for (let tries = 1; result === -1 && koffi.errno() === EINTR && tries < maxTries; tries++) result = call();
  return result;
}
