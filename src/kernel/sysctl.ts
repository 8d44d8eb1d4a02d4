import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { SystemCallError } from "../os/index.ts";
import type { Sysctl } from "./namespace.ts";
import type { Inside } from "./netns.ts";

/** Files below /proc/sys, read and written inside a namespace. */
export function sysctlIn(inside: Inside): Sysctl {
  return {
    get: (name) => told("read", name, () => (
      inside(() => readFileSync(pathOf(name), "utf8").replace(/\n$/u, "")))),
    set: (name, value) => told("write", name, () => inside(() => writeFileSync(pathOf(name), value))),
    swap: (name, value) => told("write", name, () => inside(() => swapped(pathOf(name), value))),
    setPossible: (settings) => inside(() => {
      for (const [name, value] of Object.entries(settings)) trySet(pathOf(name), value);
    }),
  };
}

/** More than any has to say; those that are lists of ports have the longest values. */
const valueBytesMax = 64 * 1024;
/** Nearly all fit. The kernel takes and clears as much memory as it is given room, whatever there is to say. */
const usual = Buffer.alloc(256);

/** One opening for both. The kernel takes a value as a whole, from the beginning of the file. */
function swapped(path: string, value: string): string {
  const fd = openSync(path, "r+");
  try {
    const before = readValue(fd, usual) ?? readValue(fd, Buffer.allocUnsafe(valueBytesMax + 1));
    if (before === undefined) throw new Error(`Cannot read ${path}: expected at most ${valueBytesMax} bytes`);
    writeSync(fd, value, 0);
    return before;
  } finally {
    closeSync(fd);
  }
}

/** Undefined when it may go on: the kernel cuts off what there is no room for. */
function readValue(fd: number, into: Buffer): string | undefined {
  const length = readSync(fd, into, 0, into.length, 0);
  return length === into.length ? undefined : into.toString("utf8", 0, length).replace(/\n$/u, "");
}

function trySet(path: string, value: string): void {
  try {
    writeFileSync(path, value);
  } catch {
    // It is not there, or cannot be written.
  }
}

/** What Node says of a file that is open does not name it. */
function told<T>(act: "read" | "write", name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error && "errno" in error && typeof error.errno === "number")) throw error;
    throw new SystemCallError(`${act} sysctl "${name}"`, Math.abs(error.errno));
  }
}

/** A part that is empty, `.` or `..`. */
const leadsElsewhere = /(?:^|\/)\.{0,2}(?:\/|$)/;

function pathOf(name: string): string {
  // Interface names become part of a sysctl's name; none may lead elsewhere.
  if (leadsElsewhere.test(name)) {
    throw new Error(`Cannot use sysctl "${name}": expected a path below /proc/sys such as net/ipv4/ip_forward`);
  }
  return `/proc/sys/${name}`;
}
