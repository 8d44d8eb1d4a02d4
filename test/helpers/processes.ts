/** Processes of this machine, as /proc has them. */
import { readFileSync, readdirSync } from "node:fs";

/** Whether a process is there, and not only waiting for its parent to take notice of its end. */
export function isRunning(id: number): boolean {
  return statOf(id)?.includes(") Z ") === false;
}

/** Children of ours that have ended, and nobody has taken notice. */
export function zombies(): readonly number[] {
  return readdirSync("/proc").map(Number)
    .filter((id) => id > 0 && statOf(id)?.includes(`) Z ${process.pid} `) === true);
}

function statOf(id: number): string | undefined {
  try {
    return readFileSync(`/proc/${id}/stat`, "utf8");
  } catch {
    return undefined; // gone
  }
}
