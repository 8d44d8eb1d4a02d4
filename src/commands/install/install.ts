/** `polynic install`: once, or staying to keep a node as it should be. */
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { treeDirectory } from "../../program/index.ts";
import { command } from "../command.ts";
import { CommandError, UsageError } from "../errors.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import { apply } from "./node/apply.ts";
import { nodeFiles as files } from "./node/files.ts";
import type { Flags } from "./flags.ts";
import { flagsOf, installOptions } from "./flags.ts";
import type { Plan } from "./install-plan.ts";
import { planAccess, planInstall } from "./install-plan.ts";
import { underLock } from "./node/lock.ts";
import { seenBelow } from "./node/place.ts";
import { PrimaryError } from "./configuration/primary.ts";
import type { InstallRequest } from "./request.ts";
import { installRequest } from "./request.ts";
import { installShell, refuseNodeOptions } from "./shell/shell.ts";
import { lockName } from "./node/state.ts";
import { tellPlan } from "./told.ts";
import { treeOf } from "./node/tree.ts";
import { watchDirectories } from "./node/watch.ts";

/** As long as Multus looks for the primary configuration, and as often. */
const waitSeconds = 120;
const retryMs = 1_000;
/** Between two looks around when the kernel has told nothing. */
const lookMs = 10_000;

export const installCommand = command({
  about:
    "The executable, a kubeconfig, and a configuration before all others that has the cluster's network as its " +
    "default one. What was there before makes way under another name, and polynic uninstall gives it back.",
  parameters: {},
  options: installOptions,
  examples: [
    { line: "polynic install --dry-run", help: "what would be done, with the text of new files" },
    { line: "polynic install --kubeconfig /etc/kubernetes/cni.conf", help: "with rights of its own towards the API" },
    { line: "polynic install --shell", help: "completion and manual pages for whoever works on this machine" },
  ],
  statuses: { 1: "cannot be done, or with --check: something would have to be done" },
  async run({ options, environment, ...output }) {
    const flags = flagsOf(options);
    if (flags.isOn("shell")) {
      refuseNodeOptions(options);
      return await shellOnly(flags, environment, output);
    }
    if (flags.text("prefix") !== undefined)
      throw new UsageError("Cannot use --prefix without --shell: it says where completion and manual pages go");
    const waitMs = waitOf(flags);
    const request = installRequest(flags, { tree: () => treeOf(treeDirectory), env: environment, files });
    const plan = () => readyPlan(request, flags);
    if (flags.isOn("dry-run") || flags.isOn("check")) {
      const made = plan();
      tellPlan(made, { output, isDry: true, json: flags.isOn("json"), nothing: "nothing to do" });
      return flags.isOn("check") && made.steps.length > 0 ? 1 : 0;
    }
    if (flags.isOn("cleanup-config-on-exit"))
      output.warn(
        "--cleanup-config-on-exit has no effect: the configuration stays until polynic uninstall, or pods would " +
          "start without their networks",
      );
    if (flags.isOn("watch")) {
      await stay(request, { plan, say: tolerantly(output), tokenOnly: flags.isOn("skip-config-watch") });
      return 0;
    }
    const made = await patiently(() => carriedOut(request, plan), waitMs);
    tellPlan(made, { output, isDry: false, json: flags.isOn("json"), nothing: "nothing to do" });
    return 0;
  },
});

async function shellOnly(flags: Flags, environment: ProcessEnvironment, output: Output): Promise<0 | 1> {
  const made = await installShell(flags, { files, environment });
  const isDry = flags.isOn("dry-run") || flags.isOn("check");
  tellPlan(made, { output, isDry, json: flags.isOn("json"), nothing: "nothing to do" });
  return flags.isOn("check") && made.steps.length > 0 ? 1 : 0;
}

/** A node is kept as it should be whether anybody reads what is said of it or not. */
function tolerantly({ say }: Output): (line: string) => void {
  return (line) => {
    try {
      say(line);
    } catch {
      // Whoever read is gone; there is no other place to say it.
    }
  };
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
async function carriedOut(request: InstallRequest, plan: () => Plan): Promise<Plan> {
  return await underLock(join(request.places.conf.seen, lockName), files, () => {
    const made = plan();
    apply(made.steps, files);
    return made;
  });
}

async function patiently(work: () => Promise<Plan>, waitMs: number): Promise<Plan> {
  for (let waitedMs = 0; ; waitedMs += retryMs) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PrimaryError) || waitedMs >= waitMs) throw error;
    }
    await sleep(retryMs);
  }
}

interface Stay {
  plan(): Plan;
  say(line: string): void;
  /** After the first time only the token is looked after. */
  readonly tokenOnly: boolean;
}

/**
 * Until SIGTERM or SIGINT. The configuration stays as it is then: pods go on getting their networks (a restart is no
 * uninstallation).
 */
async function stay(request: InstallRequest, { plan, say, tokenOnly }: Stay): Promise<void> {
  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stopping.abort());
  const { places, identity } = request;
  const changes = watchDirectories([places.primary.seen, places.conf.seen, identity.directory], stopping.signal);
  let said = "", isInstalled = false;
  while (!stopping.signal.aborted) {
    const wanted = tokenOnly && isInstalled ? () => planAccess(request, files) : plan;
    const now = await attempt(() => carriedOut(request, wanted));
    isInstalled ||= now.done;
    if (now.lines.length > 0 && now.lines.join("\n") !== said) for (const line of now.lines) say(line);
    said = now.lines.join("\n");
    await changes.next(now.done ? lookMs : retryMs);
  }
  changes.close();
  say("stopping: the configuration stays in place");
}

/** What went wrong is said and tried again; our own bugs end the process. */
async function attempt(
  work: () => Promise<Plan>,
): Promise<{ readonly done: boolean; readonly lines: readonly string[] }> {
  try {
    const { steps, notes } = await work();
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
