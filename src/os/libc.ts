import koffi from "koffi";

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

/**
 * Receives one datagram without waiting; returns its length, which may exceed the buffer's, or undefined when there is
 * none.
 */
export function receive(fd: number, into: Uint8Array): number | undefined {
  const received = retryOnSignal(() => libc().recv(fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC));
  if (received === -1 && koffi.errno() === EAGAIN) return undefined;
  return check("recv", received);
}

/** Moves the calling thread into the network namespace `fd` names. */
export function enterNetworkNamespace(fd: number): void {
  check("setns", libc().setns(fd, CLONE_NEWNET));
}

/** Takes the lock when it is free; false when somebody else has it. */
export function tryFileLock(fd: number): boolean {
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  const result = retryOnSignal(() => libc().flock(fd, LOCK_EX | LOCK_NB));
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

/** An anonymous file in memory; closed on exec. */
export function memoryFile(name: string): number {
  const MFD_CLOEXEC = 1;
  return check("memfd_create", libc().memfd_create(name, MFD_CLOEXEC));
}

/** What a new process starts with. */
export interface Spawn {
  /** Looked for on PATH when it holds no slash. */
  readonly program: string;
  readonly args: readonly string[];
  /** `KEY=value` entries. */
  readonly env: readonly string[];
  /** Its descriptors 0, 1 and 2; of all others it gets none that is closed on exec, as ours are. */
  readonly stdio: readonly [number, number, number];
}

/**
 * Starts a process, leader of its own group, and returns its id. node:child_process takes 9 ms to load and a pool
 * thread. The buffers are larger than the structs of glibc (80 and 336 bytes) and musl.
 */
export function spawn({ program, args, env, stdio }: Spawn): number {
  const c = libc();
  const actions = new Uint8Array(512);
  const attributes = new Uint8Array(1024);
  const id = new Int32Array(1);
  checkCode("posix_spawn_file_actions_init", c.posix_spawn_file_actions_init(actions));
  checkCode("posix_spawnattr_init", c.posix_spawnattr_init(attributes));
  try {
    for (const [fd, from] of stdio.entries()) {
      checkCode("posix_spawn_file_actions_adddup2", c.posix_spawn_file_actions_adddup2(actions, from, fd));
    }
    // Node ignores SIGPIPE, which a program would inherit and then not end when its reader does.
    checkCode("posix_spawnattr_setsigdefault", c.posix_spawnattr_setsigdefault(attributes, sigpipeOnly()));
    checkCode(
      "posix_spawnattr_setflags",
      c.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF),
    );
    checkCode(
      `start "${program}"`,
      c.posix_spawnp(id, program, actions, attributes, [program, ...args, null], [...env, null]),
    );
  } finally {
    c.posix_spawnattr_destroy(attributes);
    c.posix_spawn_file_actions_destroy(actions);
  }
  return id[0] ?? 0;
}

/** The status of a child that has ended, as waitpid(2) packs it; undefined while it runs. */
export function waitForChild(id: number): number | undefined {
  const WNOHANG = 1;
  const found = check("waitpid", retryOnSignal(() => libc().waitpid(id, intArgument, WNOHANG)));
  return found === 0 ? undefined : intArgument[0];
}

/** A descriptor that becomes readable when the process ends; undefined where the kernel has none (before 5.3). */
export function openProcess(id: number): number | undefined {
  // By number, 434 on every architecture: the C library has a name for it only since glibc 2.36.
  const SYS_pidfd_open = 434;
  const fd = libc().syscall(SYS_pidfd_open, id, 0);
  return fd === -1 ? undefined : fd;
}

/** Waits until the descriptor is readable, for at most `timeoutMs`. A signal may end the wait early. */
export function waitReadable(fd: number, timeoutMs: number): void {
  const POLLIN = 1;
  // struct pollfd: int fd; short events; short revents.
  const entry = new DataView(new ArrayBuffer(8));
  entry.setInt32(0, fd, true);
  entry.setInt16(4, POLLIN, true);
  libc().poll(new Uint8Array(entry.buffer), 1, timeoutMs);
}

/** Ends all processes of the group at once (SIGKILL); those already gone are fine. */
export function killGroup(id: number): void {
  const SIGKILL = 9;
  libc().kill(-id, SIGKILL);
}

// spawn.h
const POSIX_SPAWN_SETPGROUP = 0x02;
const POSIX_SPAWN_SETSIGDEF = 0x04;

/** A sigset_t (128 bytes) with SIGPIPE alone: signal 13 is bit 12. */
function sigpipeOnly(): Uint8Array {
  const set = new Uint8Array(128);
  set[1] = 1 << 4;
  return set;
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

/**
 * Ends the process at once, without Node's own farewell: it takes V8 apart, and fsyncs stdout and stderr, which waits
 * for the disk where a runtime has made them files.
 */
export function exitProcess(status: number): never {
  libc()._exit(status);
  throw new SystemCallError("_exit", 0);
}

interface Libc {
  _exit(status: number): void;
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Int32Array, bytes: number): number;
  getsockopt(fd: number, level: number, name: number, value: Int32Array, bytes: Int32Array): number;
  fcntl(fd: number, command: number, argument: number): number;
  send(fd: number, bytes: Uint8Array, count: number, flags: number): number;
  recv(fd: number, into: Uint8Array, count: number, flags: number): number;
  setns(fd: number, type: number): number;
  flock(fd: number, operation: number): number;
  getrandom(into: Uint8Array, count: number, flags: number): number;
  strerror(errno: number): string;
  memfd_create(name: string, flags: number): number;
  posix_spawn_file_actions_init(actions: Uint8Array): number;
  posix_spawn_file_actions_adddup2(actions: Uint8Array, from: number, to: number): number;
  posix_spawn_file_actions_destroy(actions: Uint8Array): number;
  posix_spawnattr_init(attributes: Uint8Array): number;
  posix_spawnattr_setflags(attributes: Uint8Array, flags: number): number;
  posix_spawnattr_setsigdefault(attributes: Uint8Array, set: Uint8Array): number;
  posix_spawnattr_destroy(attributes: Uint8Array): number;
  posix_spawnp(
    id: Int32Array, file: string, actions: Uint8Array, attributes: Uint8Array,
    args: readonly (string | null)[], env: readonly (string | null)[],
  ): number;
  waitpid(id: number, status: Int32Array, options: number): number;
  syscall(number: number, first: number, second: number): number;
  poll(entries: Uint8Array, count: number, timeoutMs: number): number;
  kill(id: number, signal: number): number;
}

const signatures: Readonly<Record<keyof Libc, string>> = {
  _exit: "void _exit(int status)",
  socket: "int socket(int domain, int type, int protocol)",
  setsockopt: "int setsockopt(int fd, int level, int name, void *value, uint32_t bytes)",
  getsockopt: "int getsockopt(int fd, int level, int name, void *value, void *bytes)",
  fcntl: "int fcntl(int fd, int command, int argument)",
  send: "intptr_t send(int fd, void *bytes, size_t count, int flags)",
  recv: "intptr_t recv(int fd, void *into, size_t count, int flags)",
  setns: "int setns(int fd, int type)",
  flock: "int flock(int fd, int operation)",
  getrandom: "intptr_t getrandom(void *into, size_t count, unsigned int flags)",
  strerror: "str strerror(int errnum)",
  memfd_create: "int memfd_create(const char *name, unsigned int flags)",
  posix_spawn_file_actions_init: "int posix_spawn_file_actions_init(void *actions)",
  posix_spawn_file_actions_adddup2: "int posix_spawn_file_actions_adddup2(void *actions, int from, int to)",
  posix_spawn_file_actions_destroy: "int posix_spawn_file_actions_destroy(void *actions)",
  posix_spawnattr_init: "int posix_spawnattr_init(void *attributes)",
  posix_spawnattr_setflags: "int posix_spawnattr_setflags(void *attributes, short flags)",
  posix_spawnattr_setsigdefault: "int posix_spawnattr_setsigdefault(void *attributes, void *set)",
  posix_spawnattr_destroy: "int posix_spawnattr_destroy(void *attributes)",
  posix_spawnp:
    "int posix_spawnp(void *id, const char *file, void *actions, void *attributes, const char **args, const char " +
      "**env)",
  waitpid: "int waitpid(int id, void *status, int options)",
  // Declared with its arguments: by the C ABI of our architectures they travel as a variadic function's would.
  syscall: "long syscall(long number, long first, long second)",
  poll: "int poll(void *entries, unsigned long count, int timeout)",
  kill: "int kill(int id, int signal)",
};

let loaded: Libc | undefined;
const intArgument = new Int32Array(1);

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
function checkCode(call: string, errno: number): void {
  if (errno !== 0) throw new SystemCallError(call, errno);
}

export function check(call: string, result: number): number {
  if (result === -1) throw new SystemCallError(call, koffi.errno());
  return result;
}

function retryOnSignal(call: () => number): number {
  const maxTries = 100;
  let result = call();
  for (let tries = 1; result === -1 && koffi.errno() === EINTR && tries < maxTries; tries++) result = call();
  return result;
}
