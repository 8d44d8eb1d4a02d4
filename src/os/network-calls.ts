import koffi from "koffi";
import { check, failedWith, libc, SOL_SOCKET, SystemCallError } from "./libc.ts";

// sys/socket.h, linux/if_packet.h
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SO_ATTACH_FILTER = 26;

/** sched.h */
const CLONE_NEWNET = 0x4000_0000;

/** Moves the calling thread into the network namespace `fd` names. */
export function enterNetworkNamespace(fd: number): void {
  check("setns", libc().setns(fd, CLONE_NEWNET));
}

/** Moves the calling thread into a network namespace of its own, with nothing in it but `lo`. */
export function leaveForNewNetworkNamespace(): void {
  check("unshare", libc().unshare(CLONE_NEWNET));
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
