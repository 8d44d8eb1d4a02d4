import koffi from "koffi";
import { check, failedWith, libc, SOL_SOCKET, SystemCallError } from "./libc.ts";

// sys/socket.h, linux/if_packet.h
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SO_ATTACH_FILTER = 26;

/** sched.h */
const CLONE_NEWNET = 0x4000_0000;
const CLONE_NEWNS = 0x0002_0000;
/** linux/mount.h */
const MS_REC = 0x4000, MS_PRIVATE = 0x4_0000;
/** linux/fcntl.h, linux/mount.h */
const AT_FDCWD = -100, AT_RECURSIVE = 0x8000;
/** MOUNT_ATTR_RDONLY (linux/mount.h) */
const readOnly = 1n;
/** One number on every architecture since Linux 5.12 (asm-generic/unistd.h). */
const SYS_mount_setattr = 442;

/** Moves the calling thread into the network namespace `fd` names. */
export function enterNetworkNamespace(fd: number): void {
  check("setns", libc().setns(fd, CLONE_NEWNET));
}

/** Moves the calling thread into a network namespace of its own, with nothing in it but `lo`. */
export function leaveForNewNetworkNamespace(): void {
  check("unshare the network namespace", libc().unshare(CLONE_NEWNET));
}

/**
 * Gives the calling thread, and the programs it starts, mounts of its own: nothing that is mounted here is seen
 * elsewhere. Other threads of this process stay outside.
 */
export function leaveForNewMounts(): void {
  check("unshare the mount namespace", libc().unshare(CLONE_NEWNS));
  check("mount / apart from others' (private)", libc().mount("none", "/", null, MS_REC | MS_PRIVATE, null));
}

/** An empty directory in memory in place of what is there. */
export function mountMemory(directory: string): void {
  check(`mount a tmpfs on ${directory}`, libc().mount("tmpfs", directory, "tmpfs", 0, "mode=0700"));
}

/**
 * Nothing below can be written to any more, or again.
 *
 * @throws SystemCallError ENOSYS before Linux 5.12
 * @see mount_setattr(2)
 */
export function setReadOnly(directory: string, isReadOnly: boolean, isRecursive = false): void {
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
  const attributes = new BigUint64Array([isReadOnly ? readOnly : 0n, isReadOnly ? 0n : readOnly, 0n, 0n]);
  const flags = isRecursive ? AT_RECURSIVE : 0;
  const bytes = new Uint8Array(attributes.buffer);
  check("mount_setattr", libc().mountSetattr(SYS_mount_setattr, AT_FDCWD, directory, flags, bytes, bytes.length));
}

/**
 * A socket for whole packets of a link, which the kernel puts into frames (packet(7), SOCK_DGRAM). It hears nothing
 * before it is bound.
 */
export function openPacketDescriptor(): number {
  return check("socket", libc().socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/** @param address  a struct sockaddr_ll or the like */
export function bindDescriptor(fd: number, address: Uint8Array): void {
  check("bind", libc().bind(fd, address, address.length));
}

/** Sends one datagram to an address, without waiting for room. */
export function sendTo(fd: number, bytes: Uint8Array, address: Uint8Array): void {
  const MSG_DONTWAIT = 0x40;
  check("sendto", libc().sendto(fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length));
}

/**
 * As `send`, on a thread of the pool: a netlink socket's `send` returns when the kernel has done what it was asked. The
 * bytes must stay as they are until then.
 */
export async function sendAside(fd: number, bytes: Uint8Array): Promise<void> {
  const maxTries = 100;
  for (let tries = 1; ; tries++) {
    const interrupted = await new Promise<boolean>((resolve, reject) => {
      libc().send.async(fd, bytes, bytes.length, 0, (error: unknown, result: number) => {
        if (error !== null) reject(error);
        else if (result !== -1) resolve(false);
        else if (failedWith("EINTR") && tries < maxTries) resolve(true);
        else reject(new SystemCallError("send", koffi.errno()));
      });
    });
    if (!interrupted) return;
  }
}

/** Only packets that the program lets through are received (linux/filter.h). */
export function attachFilter(fd: number, program: Uint8Array): void {
  const instructionBytes = 8;
  // struct sock_fprog: unsigned short, and a pointer to the instructions.
  const argument = new DataView(new ArrayBuffer(16));
  argument.setUint16(0, program.length / instructionBytes, true);
  argument.setBigUint64(8, koffi.address(program), true);
  const bytes = new Uint8Array(argument.buffer);
  check("setsockopt", libc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, bytes, bytes.length));
}

/** A descriptor that is readable after something was written to it (eventfd(2)); it waits for nothing. */
export function eventDescriptor(): number {
  const EFD_CLOEXEC = 0o2000000;
  const EFD_NONBLOCK = 0o4000;
  return check("eventfd", libc().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/**
 * Waits on a thread of the pool until any descriptor is readable, or has an error to tell; says which are. A signal may
 * end it early.
 */
export async function pollAside(fds: readonly number[], timeoutMs: number): Promise<readonly boolean[]> {
  const POLLIN = 1;
  // struct pollfd: int fd; short events; short revents.
  const entries = new DataView(new ArrayBuffer(fds.length * 8));
  for (const [i, fd] of fds.entries()) {
    entries.setInt32(i * 8, fd, true);
    entries.setInt16(i * 8 + 4, POLLIN, true);
  }
  const bytes = new Uint8Array(entries.buffer);
  await new Promise<void>((resolve, reject) => {
    libc().poll.async(bytes, fds.length, timeoutMs, (error: unknown, result: number) => {
      if (error !== null) reject(error);
      else if (result === -1 && !failedWith("EINTR")) reject(new SystemCallError("poll", koffi.errno()));
      else resolve();
    });
  });
  return fds.map((_, i) => entries.getInt16(i * 8 + 6, true) !== 0);
}

/** ioctl(2) with memory that the kernel reads or writes, or with a number. */
export function controlDescriptor(fd: number, name: string, request: number, argument: Uint8Array | number): void {
  const { ioctl, ioctlNumber } = libc();
  check(name, typeof argument === "number" ? ioctlNumber(fd, request, argument) : ioctl(fd, request, argument));
}
