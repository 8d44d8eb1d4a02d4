import { readFileSync, writeFileSync } from "node:fs";
import type { Sysctl } from "./namespace.ts";
import type { Inside } from "./netns.ts";

/** Files below /proc/sys, read and written inside a namespace. */
export function sysctlIn(inside: Inside): Sysctl {
  return {
    get: (name) => inside(() => readFileSync(pathOf(name), "utf8").replace(/\n$/u, "")),
    set(name, value) {
      inside(() => writeFileSync(pathOf(name), value));
    },
  };
}

function pathOf(name: string): string {
  // Interface names become part of a sysctl's name; none may lead elsewhere.
  if (name.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new Error(`Cannot use sysctl "${name}": expected a path below /proc/sys such as net/ipv4/ip_forward`);
  }
  return `/proc/sys/${name}`;
}
