/** `polynic uninstall`: gives back what was there before. */
import { dirname, join } from "node:path";
import { lockFile } from "../../kernel/index.ts";
import { apply, shown } from "./apply.ts";
import { nodeFiles as files } from "./files.ts";
import { parseFlags, uninstallFlags } from "./flags.ts";
import type { Say } from "./install.ts";
import { uninstallRequest } from "./request.ts";
import { lockName } from "./state.ts";
import type { UninstallPlan } from "./uninstall-plan.ts";
import { planUninstall } from "./uninstall-plan.ts";

const lockLimitMs = 10_000;
/** Any; a timer is what keeps the process from ending by itself. */
const aliveMs = 1 << 30;

/** @returns the exit status */
export async function uninstallCommand(words: readonly string[], say: Say): Promise<number> {
  const flags = parseFlags(uninstallFlags, words);
  const request = uninstallRequest(flags, files);
  const plan = () => planUninstall(request, files);
  const isDry = flags.isOn("dry-run") || flags.isOn("check");
  const { steps, notes } = isDry ? plan() : carryOut(join(request.conf.seen, lockName), plan);
  for (const step of steps) say(isDry ? shown(step) : step.what);
  for (const note of notes) say(`note: ${note}`);
  if (steps.length === 0) say("nothing to remove");
  if (flags.isOn("stay") && !isDry) await signalled();
  return flags.isOn("check") && steps.length > 0 ? 1 : 0;
}

/** The lock goes with everything else; without a directory to lock there is nobody to be kept away. */
function carryOut(lockPath: string, plan: () => UninstallPlan): UninstallPlan {
  const lock = files.kind(dirname(lockPath)) === "directory" ? lockFile(lockPath, { timeoutMs: lockLimitMs }) : undefined;
  try {
    const made = plan();
    apply(made.steps, files);
    return made;
  } finally {
    lock?.close();
  }
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
