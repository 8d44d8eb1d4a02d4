/** `polynic uninstall`: gives back what was there before. */
import { dirname, join } from "node:path";
import { apply, shown } from "./apply.ts";
import { nodeFiles as files } from "./files.ts";
import { parseFlags, uninstallFlags } from "./flags.ts";
import type { Say } from "./install.ts";
import { underLock } from "./lock.ts";
import { uninstallRequest } from "./request.ts";
import { lockName } from "./state.ts";
import type { UninstallPlan } from "./uninstall-plan.ts";
import { planUninstall } from "./uninstall-plan.ts";

/** Any; a timer is what keeps the process from ending by itself. */
const aliveMs = 1 << 30;

/** @returns the exit status */
export async function uninstallCommand(words: readonly string[], say: Say): Promise<number> {
  const flags = parseFlags(uninstallFlags, words);
  const request = uninstallRequest(flags, files);
  const plan = () => planUninstall(request, files);
  const isDry = flags.isOn("dry-run") || flags.isOn("check");
  const { steps, notes } = isDry ? plan() : carriedOut(join(request.conf.seen, lockName), plan);
  for (const step of steps) say(isDry ? shown(step) : step.what);
  for (const note of notes) say(`note: ${note}`);
  if (steps.length === 0) say("nothing to remove");
  if (flags.isOn("stay") && !isDry) await signalled();
  return flags.isOn("check") && steps.length > 0 ? 1 : 0;
}

/** The lock goes with everything else; without its directory there is nobody to be kept away. */
function carriedOut(lockPath: string, plan: () => UninstallPlan): UninstallPlan {
  return underLock(files.kind(dirname(lockPath)) === undefined ? undefined : lockPath, files, () => {
    const made = plan();
    apply(made.steps, files);
    return made;
  });
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    const alive = setInterval(() => {}, aliveMs);
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.on(name, () => {
        clearInterval(alive);
        resolve();
      });
    }
  });
}
