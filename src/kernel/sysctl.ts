import { readFileSync, writeFileSync } from "node:fs";
import { SystemCallError } from "../os/index.ts";
import type { Sysctl } from "./namespace.ts";
import type { Inside } from "./netns.ts";

/** Files below /proc/sys, read and written inside a namespace. */
export function sysctlIn(inside: Inside): Sysctl {
  return {
    get: (name) => told("read", name, () => (
      inside(() => readFileSync(pathOf(name), "utf8").replace(/\n$/u, "")))),
    set: (name, value) => told("write", name, () => inside(() => writeFileSync(pathOf(name), value))),
  };
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

function pathOf(name: string): string {
  // Interface names become part of a sysctl's name; none may lead elsewhere.
  if (name.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new Error(`Cannot use sysctl "${name}": expected a path below /proc/sys such as net/ipv4/ip_forward`);
  }
  return `/proc/sys/${name}`;
}
