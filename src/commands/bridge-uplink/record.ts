/** What is written of a move, below /run, before anything is changed: gone with the machine's next start, as it is. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseJsonObject } from "../../cni/index.ts";
import { makeDirectory, writeWholeFile } from "../../os/index.ts";
import { CommandError } from "../errors.ts";
import type { Move } from "./move.ts";

/** moving: to be undone, unless who moves is at it. answered: to be finished. done: for the way back. */
export type Stage = "moving" | "answered" | "done";

export interface Recorded {
  readonly stage: Stage;
  readonly move: Move;
  /** Of a move back: the one that it takes back. */
  readonly earlier?: Move;
}

const directory = "/run/polynic/bridge-uplink";

export const lockPath = join(directory, "lock");

const formatVersion = 1;

export function saveRecord(recorded: Recorded): void {
  makeDirectory(directory, 0o700);
  const text = JSON.stringify({ version: formatVersion, ...recorded });
  writeWholeFile(pathOf(recorded.move.nic), text, { mode: 0o600 });
}

/** @throws CommandError when it is not one of ours */
export function loadRecord(nic: string): Recorded | undefined {
  const path = pathOf(nic);
  if (!existsSync(path)) return undefined;
  const { version, ...recorded } = parseJsonObject(readFileSync(path, "utf8"), path);
  if (version !== formatVersion)
    throw new CommandError(`Cannot read ${path}: its version is ${String(version)}, expected ${formatVersion}`);
  // A file of our own version, in a directory of root's.
  return recorded as unknown as Recorded;
}

export function removeRecord(nic: string): void {
  rmSync(pathOf(nic), { force: true });
}

function pathOf(nic: string): string {
  return join(directory, `${nic}.json`);
}
