/**
 * A second process that undoes a move, or finishes it, when the one that moves is gone in the middle: killed, or taken
 * along by the session it was typed in. It is in a session of its own, and hears by the end of its input.
 */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { openOwnNamespace, openWholeState } from "../../kernel/index.ts";
import { withLock } from "../../os/index.ts";
import { CommandError } from "../errors.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import type { Tools } from "./carry-out.ts";
import { finish, undo } from "./carry-out.ts";
import type { Recorded } from "./record.ts";
import { loadRecord, lockPath, removeRecord, saveRecord } from "./record.ts";

export interface Guard {
  /** Nothing is left to be done. */
  dismiss(): void;
}

const ready = "ready", done = "done";

/** Somebody else may be moving something; nobody takes longer. */
export const lockLimitMs = 10 * 60_000;

/** @throws CommandError when it does not come up; nothing has been changed then */
export async function postGuard(
  { bridge, nic }: { readonly bridge: string; readonly nic: string }, environment: ProcessEnvironment,
): Promise<Guard> {
  const words = [process.argv[1] ?? "", "polynic", "bridge-uplink", bridge, nic, "--guard"];
  const child = spawn(process.execPath, [...process.execArgv, ...words], {
    detached: true, stdio: ["pipe", "pipe", "ignore"], env: environment,
  });
  await isUp(child);
  child.unref();
  return { dismiss: () => void child.stdin?.end(done) };
}

async function isUp({ stdout, stdin }: ChildProcess): Promise<void> {
  // A guard that is killed is no reason to stop: the move itself goes on.
  stdin?.on("error", () => {});
  for await (const said of stdout ?? []) if (String(said).includes(ready)) return;
  throw new CommandError(
    "Cannot move anything: the process that would undo it in need does not start, expected room for one",
  );
}

/** What the guard does. */
export async function standGuard(nic: string, { say }: Pick<Output, "say">): Promise<void> {
  deafToSessions();
  say(ready);
  if ((await text(process.stdin)) === done) return;
  await withLock(lockPath, { timeoutMs: lockLimitMs, directoryMode: 0o700 }, async () => {
    const recorded = loadRecord(nic);
    if (recorded !== undefined) await recover(recorded);
  });
}

/** The end of a session, or a key that stops what runs in a terminal, must not leave the machine in the middle. */
export function deafToSessions(): void {
  for (const name of ["SIGHUP", "SIGTSTP", "SIGTTOU"] as const) process.on(name, () => {});
}

/** Undoes or finishes what somebody has left in the middle. */
export async function recover({ stage, move, earlier }: Recorded): Promise<"undone" | "finished" | "nothing"> {
  if (stage === "done") return "nothing";
  const host = openOwnNamespace(), tools: Tools = { host, openState: openWholeState };
  try {
    await (stage === "answered" ? finish(move, tools) : undo(move, tools));
  } finally {
    host.close();
  }
  settleRecord({ stage, move, ...(earlier === undefined ? {} : { earlier }) });
  return stage === "answered" ? "finished" : "undone";
}

/** What is remembered once a move is over: done, or undone where its stage is still `moving`. */
export function settleRecord({ stage, move, earlier }: Recorded): void {
  const isOver = (stage === "answered") === (move.direction === "over");
  const last = move.direction === "over" ? move : earlier;
  if (isOver && last !== undefined) saveRecord({ stage: "done", move: last });
  else removeRecord(move.nic);
}
