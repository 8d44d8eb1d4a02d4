/** `polynic uninstall`: gives back what was there before. */
import { dirname, join } from "node:path";
import { command } from "../command.ts";
import { apply } from "./node/apply.ts";
import { nodeFiles as files } from "./node/files.ts";
import type { Flags } from "./flags.ts";
import { flagsOf, uninstallOptions } from "./flags.ts";
import { underLock } from "./node/lock.ts";
import { uninstallRequest } from "./request.ts";
import { refuseNodeOptions, uninstallShell } from "./shell/shell.ts";
import { lockName } from "./node/state.ts";
import { tellPlan } from "./told.ts";
import type { UninstallPlan } from "./uninstall-plan.ts";
import { planUninstall } from "./uninstall-plan.ts";

/** Any; a timer is what keeps the process from ending by itself. */
const aliveMs = 1 << 30;

export const uninstallCommand = command({
  about:
    "Files that made way for ours get their names back; what somebody else has written since stays as it is. " +
    "Completion and manual pages of polynic install --shell go, too.",
  parameters: {},
  options: uninstallOptions,
  examples: [{ line: "polynic uninstall --dry-run", help: "what would be removed and given back" }],
  statuses: { 1: "cannot be done, or with --check: something would have to be removed" },
  async run({ options, ...output }) {
    const flags = flagsOf(options);
    const isDry = flags.isOn("dry-run") || flags.isOn("check");
    if (flags.isOn("shell")) refuseNodeOptions(options);
    const node = flags.isOn("shell") ? undefined : await fromNode(flags, isDry);
    const tell = (made: Pick<UninstallPlan, "steps" | "notes">): void =>
      tellPlan(made, { output, isDry, json: flags.isOn("json"), nothing: "nothing to remove" });
    const shell = await uninstallShell(flags, files).catch((error: unknown) => {
      // What is done already is told whatever comes after it.
      if (node !== undefined) tell(node);
      throw error;
    });
    const made = {
      steps: [...(node?.steps ?? []), ...shell.steps], notes: [...(node?.notes ?? []), ...shell.notes],
    };
    tell(made);
    if (flags.isOn("stay") && !isDry) await signalled();
    return flags.isOn("check") && made.steps.length > 0 ? 1 : 0;
  },
});

async function fromNode(flags: Flags, isDry: boolean): Promise<UninstallPlan> {
  const request = uninstallRequest(flags, files);
  const plan = () => planUninstall(request, files);
  return isDry ? plan() : await carriedOut(join(request.conf.seen, lockName), plan);
}

/** The lock goes with everything else; without its directory there is nobody to be kept away. */
async function carriedOut(lockPath: string, plan: () => UninstallPlan): Promise<UninstallPlan> {
  return await underLock(files.kind(dirname(lockPath)) === undefined ? undefined : lockPath, files, () => {
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
