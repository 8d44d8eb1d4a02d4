import koffi from "koffi";
import type { KoffiFunc } from "koffi";
import { errnoName, errnoNumber } from "./errno.ts";

/**
 * The C library: the only file with C signatures. A wrapper returns the call's value or throws SystemCallError.
 * Functions are declared at first use, so importing this file costs nothing but koffi itself.
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
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

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

/**
 * Receives one datagram without waiting; returns its length, which may exceed the buffer's, or undefined when there is
 * none.
 */
export function receive(fd: number, into: Uint8Array): number | undefined {
  const received = retryOnSignal(() => libc().recv(fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC));
  if (received === -1 && failedWith("EAGAIN")) return undefined;
  return check("recv", received);
}

/** As `receive`; `address` gets who sent it (sockaddr_ll and the like). */
export function receiveFrom(fd: number, into: Uint8Array, address: Uint8Array): number | undefined {
  const addressBytes = new Int32Array([address.length]);
  const received = retryOnSignal(() => (
    libc().recvfrom(fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC, address, addressBytes)));
  if (received === -1 && failedWith("EAGAIN")) return undefined;
  return check("recvfrom", received);
}

/** Takes the lock when it is free; false when somebody else has it. */
export function tryFileLock(fd: number): boolean {
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  const result = retryOnSignal(() => libc().flock(fd, LOCK_EX | LOCK_NB));
  if (result === -1 && failedWith("EAGAIN")) return false;
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

/** "File exists" for 17. */
export function errnoText(errno: number): string {
  return libc().strerror(errno);
}

/**
 * Ends the process at once, without Node's own farewell: it takes V8 apart, and fsyncs stdout and stderr, which waits
 * for the disk where a runtime has made them files.
 */
export function exitProcess(status: number): never {
  libc()._exit(status);
  throw new SystemCallError("_exit", 0);
}

/** Puts off what may have been set to end this process in case that it does not get as far as this. */
export function cancelAlarm(): void {
  libc().alarm(0);
}

interface Libc {
  _exit(status: number): void;
  alarm(seconds: number): number;
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Int32Array | Uint8Array, bytes: number): number;
  bind(fd: number, address: Uint8Array, bytes: number): number;
  getsockopt(fd: number, level: number, name: number, value: Int32Array, bytes: Int32Array): number;
  send: KoffiFunc<(fd: number, bytes: Uint8Array, count: number, flags: number) => number>;
  sendto(fd: number, bytes: Uint8Array, count: number, flags: number, to: Uint8Array, toBytes: number): number;
  recv(fd: number, into: Uint8Array, count: number, flags: number): number;
  recvfrom(
    fd: number, into: Uint8Array, count: number, flags: number, from: Uint8Array, fromBytes: Int32Array,
  ): number;
  setns(fd: number, type: number): number;
  unshare(flags: number): number;
  mount(source: string, target: string, type: string | null, flags: number, data: string | null): number;
  mountSetattr(
    number: number, fd: number, path: string, flags: number, attributes: Uint8Array, bytes: number,
  ): number;
  flock(fd: number, operation: number): number;
  getrandom(into: Uint8Array, count: number, flags: number): number;
  strerror(errno: number): string;
  posix_spawn_file_actions_init(actions: Uint8Array): number;
  posix_spawn_file_actions_adddup2(actions: Uint8Array, from: number, to: number): number;
  posix_spawn_file_actions_destroy(actions: Uint8Array): number;
  posix_spawnattr_init(attributes: Uint8Array): number;
  posix_spawnattr_setflags(attributes: Uint8Array, flags: number): number;
  posix_spawnattr_setsigdefault(attributes: Uint8Array, set: Uint8Array): number;
  posix_spawnattr_destroy(attributes: Uint8Array): number;
  posix_spawn(
    id: Int32Array, path: string, actions: Uint8Array, attributes: Uint8Array,
    args: readonly (string | null)[], env: readonly (string | null)[],
  ): number;
  waitpid(id: number, status: Int32Array, options: number): number;
  poll: KoffiFunc<(entries: Uint8Array, count: number, timeoutMs: number) => number>;
  eventfd(initial: number, flags: number): number;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  ioctlNumber(fd: number, request: number, argument: number): number;
  kill(id: number, signal: number): number;
  pipe2(ends: Int32Array, flags: number): number;
  fcntl(fd: number, operation: number, value: number): number;
  read(fd: number, into: Uint8Array, count: number): number;
  write(fd: number, bytes: Uint8Array, count: number): number;
}

const signatures: Readonly<Record<keyof Libc, string>> = {
  _exit: "void _exit(int status)",
  alarm: "unsigned int alarm(unsigned int seconds)",
  socket: "int socket(int domain, int type, int protocol)",
  setsockopt: "int setsockopt(int fd, int level, int name, void *value, uint32_t bytes)",
  getsockopt: "int getsockopt(int fd, int level, int name, void *value, void *bytes)",
  bind: "int bind(int fd, void *address, uint32_t bytes)",
  sendto: "intptr_t sendto(int fd, void *bytes, size_t count, int flags, void *to, uint32_t to_bytes)",
  send: "intptr_t send(int fd, void *bytes, size_t count, int flags)",
  recv: "intptr_t recv(int fd, void *into, size_t count, int flags)",
  recvfrom: "intptr_t recvfrom(int fd, void *into, size_t count, int flags, void *from, void *from_bytes)",
  setns: "int setns(int fd, int type)",
  unshare: "int unshare(int flags)",
  mount:
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
  // The C library has no function of its own for it before glibc 2.36.
  mountSetattr:
    "long syscall(long number, int fd, const char *path, unsigned int flags, void *attributes, size_t bytes)",
  flock: "int flock(int fd, int operation)",
  getrandom: "intptr_t getrandom(void *into, size_t count, unsigned int flags)",
  strerror: "str strerror(int errnum)",
  posix_spawn_file_actions_init: "int posix_spawn_file_actions_init(void *actions)",
  posix_spawn_file_actions_adddup2: "int posix_spawn_file_actions_adddup2(void *actions, int from, int to)",
  posix_spawn_file_actions_destroy: "int posix_spawn_file_actions_destroy(void *actions)",
  posix_spawnattr_init: "int posix_spawnattr_init(void *attributes)",
  posix_spawnattr_setflags: "int posix_spawnattr_setflags(void *attributes, short flags)",
  posix_spawnattr_setsigdefault: "int posix_spawnattr_setsigdefault(void *attributes, void *set)",
  posix_spawnattr_destroy: "int posix_spawnattr_destroy(void *attributes)",
  posix_spawn:
    "int posix_spawn(void *id, const char *path, void *actions, void *attributes, const char **args, const char " +
      "**env)",
  waitpid: "int waitpid(int id, void *status, int options)",
  poll: "int poll(void *entries, unsigned long count, int timeout)",
  eventfd: "int eventfd(unsigned int initial, int flags)",
  ioctl: "int ioctl(int fd, unsigned long request, void *argument)",
  ioctlNumber: "int ioctl(int fd, unsigned long request, long argument)",
  kill: "int kill(int id, int signal)",
  pipe2: "int pipe2(void *ends, int flags)",
  // Declared with its argument: by the C ABI of our architectures it travels as a variadic function's would.
  fcntl: "int fcntl(int fd, int operation, int value)",
  read: "intptr_t read(int fd, void *into, size_t count)",
  write: "intptr_t write(int fd, void *bytes, size_t count)",
};

let loaded: Libc | undefined;
const intArgument = new Int32Array(1);

/** For the files of this room that call it. */
export function libc(): Libc {
  return (loaded ??= load());
}

/** Each function is declared when it is first asked for: 12 µs that few commands spend on more than five of them. */
function load(): Libc {
  // The C library is already part of this process, whatever its file is called.
  const library = koffi.load(null);
  const functions = {};
  for (const [name, signature] of Object.entries(signatures)) {
    Object.defineProperty(functions, name, {
      configurable: true,
      get() {
        const value = library.func(signature);
        Object.defineProperty(functions, name, { value });
        return value;
      },
    });
  }
  // One function per key of Libc, each declared by the C signature its TypeScript one mirrors.
  return functions as Libc;
}

/** For functions that return their errno. */
export function checkCode(call: string, errno: number): void {
  if (errno !== 0) throw new SystemCallError(call, errno);
}

export function check(call: string, result: number): number {
  if (result === -1) throw new SystemCallError(call, koffi.errno());
  return result;
}

export function retryOnSignal(call: () => number): number {
  const maxTries = 100;
  let result = call();
  for (let tries = 1; result === -1 && failedWith("EINTR") && tries < maxTries; tries++) result = call();
  return result;
}

/** Whether the call that has just returned -1 failed with that errno. */
export function failedWith(name: keyof typeof errnoNumber): boolean {
  return koffi.errno() === errnoNumber[name];
}
