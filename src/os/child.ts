import { check, checkCode, failedWith, libc, retryOnSignal } from "./libc.ts";

/** What a new process starts with. */
export interface Spawn {
  /** Its file. */
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
      c.posix_spawn(id, program, actions, attributes, [program, ...args, null], [...env, null]),
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
  const status = new Int32Array(1);
  const found = check("waitpid", retryOnSignal(() => libc().waitpid(id, status, WNOHANG)));
  return found === 0 ? undefined : status[0];
}

/** Sends a signal to all processes of the group at once; those already gone are fine. */
export function signalGroup(id: number, signal: keyof typeof signals): void {
  libc().kill(-id, signals[signal]);
}

/** asm-generic/signal.h */
const signals = { SIGKILL: 9, SIGTERM: 15 } as const;

/** A pipe, both ends closed on exec. What is written and not yet read may be as much as `capacityBytes`. */
export function pipe(capacityBytes: number): { readonly readEnd: number; readonly writeEnd: number } {
  const O_CLOEXEC = 0o2000000;
  const F_SETPIPE_SZ = 1031;
  const ends = new Int32Array(2);
  check("pipe2", libc().pipe2(ends, O_CLOEXEC));
  const [readEnd = -1, writeEnd = -1] = ends;
  // Refused where the user has many large pipes; the usual 64 KiB do as well.
  libc().fcntl(writeEnd, F_SETPIPE_SZ, capacityBytes);
  return { readEnd, writeEnd };
}

/** Makes reads and writes of this end return at once; whoever has the other end waits as before. */
export function doNotWait(fd: number): void {
  const F_SETFL = 4;
  const O_NONBLOCK = 0o4000;
  check("fcntl", libc().fcntl(fd, F_SETFL, O_NONBLOCK));
}

/** Reads what is there; 0 at the end, undefined when nothing is there yet. */
export function readNow(fd: number, into: Uint8Array): number | undefined {
  const count = retryOnSignal(() => libc().read(fd, into, into.length));
  if (count === -1 && failedWith("EAGAIN")) return undefined;
  return check("read", count);
}

/** Writes as much as there is room for; undefined when nobody will ever read it. */
export function writeNow(fd: number, bytes: Uint8Array): number | undefined {
  const count = retryOnSignal(() => libc().write(fd, bytes, bytes.length));
  if (count === -1 && failedWith("EAGAIN")) return 0;
  if (count === -1 && failedWith("EPIPE")) return undefined;
  return check("write", count);
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
