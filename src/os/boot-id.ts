import { readFileSync } from "node:fs";

let known: string | undefined;

/** What tells one start of this machine from the next (random(4)); "" when it cannot be read. */
export function bootId(): string {
  known ??= readBootId();
  return known;
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
