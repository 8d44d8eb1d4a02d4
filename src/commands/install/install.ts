/** `polynic install`: once, or staying to keep a node as it should be. */
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { treeDirectory } from "../../program/index.ts";
import { CommandError, UsageError } from "../errors.ts";
import { apply, shown } from "./apply.ts";
import { nodeFiles as files } from "./files.ts";
import type { Flags } from "./flags.ts";
import { installFlags, parseFlags } from "./flags.ts";
import type { Plan } from "./install-plan.ts";
import { planAccess, planInstall } from "./install-plan.ts";
import { underLock } from "./lock.ts";
import { seenBelow } from "./place.ts";
import { PrimaryError } from "./primary.ts";
import type { InstallRequest } from "./request.ts";
import { installRequest } from "./request.ts";
import { lockName } from "./state.ts";
import { treeOf } from "./tree.ts";
import { watchDirectories } from "./watch.ts";

/** As long as Multus looks for the primary configuration, and as often. */
const waitSeconds = 120;
const retryMs = 1_000;
/** Between two looks around when the kernel has told nothing. */
const lookMs = 10_000;

export type Say = (line: string) => void;

/** @returns the exit status */
export async function installCommand(words: readonly string[], say: Say): Promise<number> {
  const flags = parseFlags(installFlags, words);
  const waitMs = waitOf(flags);
  const request = installRequest(flags, { tree: () => treeOf(treeDirectory), env: process.env, files });
  const plan = () => readyPlan(request, flags);
  if (flags.isOn("dry-run") || flags.isOn("check")) return foretell(plan(), flags, say);
  if (flags.isOn("cleanup-config-on-exit"))
    say(
      "--cleanup-config-on-exit has no effect: the configuration stays until polynic uninstall, or pods would start " +
        "without their networks",
    );
  if (flags.isOn("watch")) return await stay(request, { plan, say, tokenOnly: flags.isOn("skip-config-watch") });
  report(await patiently(() => carriedOut(request, plan), waitMs), say);
  return 0;
}

function foretell({ steps, notes }: Plan, flags: Flags, say: Say): number {
  for (const step of steps) say(shown(step));
  for (const note of notes) say(`note: ${note}`);
  if (steps.length === 0) say("nothing to do");
  return flags.isOn("check") && steps.length > 0 ? 1 : 0;
}

function report({ steps, notes }: Plan, say: Say): void {
  for (const { what } of steps) say(what);
  for (const note of notes) say(`note: ${note}`);
  if (steps.length === 0) say("nothing to do");
}

/**
 * The plan, once the default network is ready: before, our configuration would make the node look ready (multi-network
 * specification, 6.1).
 */
function readyPlan(request: InstallRequest, flags: Flags): Plan {
  const plan = planInstall(request, files);
  const { readinessindicatorfile: indicator } = request.keys;
  if (typeof indicator !== "string" || plan.isInstalled) return plan;
  const seen = seenBelow(flags.text("root") ?? "/", indicator);
  // A directory that is not mounted into this container says nothing; every ADD waits for the file itself.
  if (files.kind(dirname(seen)) === undefined || files.kind(seen) !== undefined) return plan;
  throw new PrimaryError(
    `Cannot install yet: the readiness indicator file ${indicator} is not there, expected the default network to ` +
      "write it when it is ready",
  );
}

/** A plan is made and carried out while nobody else changes the node. */
function carriedOut(request: InstallRequest, plan: () => Plan): Plan {
  return underLock(join(request.places.conf.seen, lockName), files, () => {
    const made = plan();
    apply(made.steps, files);
    return made;
  });
}

async function patiently(work: () => Plan, waitMs: number): Promise<Plan> {
  for (let waitedMs = 0; ; waitedMs += retryMs) {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof PrimaryError) || waitedMs >= waitMs) throw error;
    }
    await sleep(retryMs);
  }
}

interface Stay {
  plan(): Plan;
  readonly say: Say;
  /** After the first time only the token is looked after. */
  readonly tokenOnly: boolean;
}

/**
 * Until SIGTERM or SIGINT. The configuration stays as it is then: pods go on getting their networks (a restart is no
 * uninstallation).
 */
async function stay(request: InstallRequest, { plan, say, tokenOnly }: Stay): Promise<number> {
  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stopping.abort());
  const { places, identity } = request;
  const changes = watchDirectories([places.primary.seen, places.conf.seen, identity.directory], stopping.signal);
  let said = "", isInstalled = false;
  while (!stopping.signal.aborted) {
    const now = attempt(() => carriedOut(request, tokenOnly && isInstalled ? () => planAccess(request, files) : plan));
    isInstalled ||= now.done;
    if (now.lines.length > 0 && now.lines.join("\n") !== said) for (const line of now.lines) say(line);
    said = now.lines.join("\n");
    await changes.next(now.done ? lookMs : retryMs);
  }
  changes.close();
  say("stopping: the configuration stays in place");
  return 0;
}

/** What went wrong is said and tried again; our own bugs end the process. */
function attempt(work: () => Plan): { readonly done: boolean; readonly lines: readonly string[] } {
  try {
    const { steps, notes } = work();
    return {
      done: true,
      lines: [...steps.map(({ what }) => what), ...(steps.length > 0 ? notes.map((note) => `note: ${note}`) : [])],
    };
  } catch (error) {
    if (error instanceof CommandError || (error instanceof Error && "code" in error))
      return { done: false, lines: [error.message] };
    throw error;
  }
}

function waitOf(flags: Flags): number {
  const text = flags.text("wait") ?? String(waitSeconds);
  if (!/^\d{1,6}$/.test(text))
    throw new UsageError(`Cannot use --wait ${text}: expected seconds, a whole number from 0`);
  return Number(text) * 1_000;
}
