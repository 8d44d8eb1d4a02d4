/**
 * `polynic install --shell` and what `polynic uninstall` does of it: completion for bash, zsh and fish, and the manual
 * pages, where a machine's own packages have theirs. Nothing of a node's networks is touched.
 */
import { dirname, isAbsolute, join } from "node:path";
import { needsRoot } from "../../../os/index.ts";
import type { ProcessEnvironment } from "../../output.ts";
import { CommandError, UsageError } from "../../errors.ts";
import type { OptionValue } from "../../options.ts";
import { apply } from "../node/apply.ts";
import type { NodeFiles } from "../node/files.ts";
import { underLock } from "../node/lock.ts";
import { placeOf } from "../node/place.ts";
import type { Flags } from "../flags.ts";
import { rootOf } from "../request.ts";
import type { ShellRequest } from "./shell-files.ts";
import { shellFiles, shippedSources } from "./shell-files.ts";
import type { ShellPlan } from "./shell-plan.ts";
import { planShellInstall, planShellUninstall } from "./shell-plan.ts";

const usualPrefix = "/usr";
/** Where somebody may have put it who then says \`polynic uninstall\` alone. */
const knownPrefixes = [usualPrefix, "/usr/local"];

/** What has a meaning with \`--shell\`. */
const ownOptions = new Set(["shell", "prefix", "root", "dry-run", "check", "json"]);

/** @throws UsageError for options that are about a node */
export function refuseNodeOptions(options: Readonly<Record<string, OptionValue>>): void {
  const other = Object.entries(options)
    .find(([name, value]) => value !== undefined && !isEmptyList(value) && !ownOptions.has(name));
  if (other !== undefined)
    throw new UsageError(
      `Cannot use --shell with --${other[0]}: it brings completion and manual pages alone, expected one of them`,
    );
}

function isEmptyList(value: OptionValue): boolean {
  return Array.isArray(value) && value.length === 0;
}

export function installShell(
  flags: Flags, { files, environment }: { readonly files: NodeFiles; readonly environment: ProcessEnvironment },
): Promise<ShellPlan> {
  const request = requestOf(flags, flags.text("prefix") ?? usualPrefix);
  if (files.kind(request.prefix.seen) === undefined)
    throw new CommandError(
      `Cannot install below ${request.prefix.seen}: there is no such directory, expected --prefix to name one`,
    );
  const plan = () => {
    const made = planShellInstall(request, shellFiles(request, shippedSources, files), files);
    return { ...made, notes: [...made.notes, ...unfoundNotes(request, environment, files)] };
  };
  return carriedOut({ plan, isDry: isDry(flags), lock: request.prefix.seen }, files);
}

/** Of the prefix that is given, else of the usual ones; nothing where nothing is on record. */
export async function uninstallShell(flags: Flags, files: NodeFiles): Promise<ShellPlan> {
  const prefix = flags.text("prefix");
  const plans: ShellPlan[] = [];
  for (const one of prefix === undefined ? knownPrefixes : [prefix]) {
    const request = requestOf(flags, one), plan = () => planShellUninstall(request, files);
    plans.push(await carriedOut({ plan, isDry: isDry(flags), lock: request.prefix.seen }, files));
  }
  return {
    steps: plans.flatMap(({ steps }) => steps), notes: plans.flatMap(({ notes }) => notes),
    directories: plans.flatMap(({ directories }) => directories),
  };
}

function isDry(flags: Flags): boolean {
  return flags.isOn("dry-run") || flags.isOn("check");
}

function requestOf(flags: Flags, prefix: string): ShellRequest {
  const root = rootOf(flags);
  if (!isAbsolute(prefix)) throw new UsageError(`Cannot use --prefix ${prefix}: expected an absolute path`);
  return { root, prefix: placeOf(prefix.replace(/(?<=.)\/+$/, ""), root) };
}

interface Work {
  readonly isDry: boolean;
  /** A directory that is there, so that nothing is left of it. */
  readonly lock: string;
  plan(): ShellPlan;
}

/** Before the first change it is known that all of them can be made. */
async function carriedOut({ plan, isDry, lock }: Work, files: NodeFiles): Promise<ShellPlan> {
  const first = plan();
  if (isDry || first.steps.length === 0) return first;
  for (const directory of first.directories) refuseUnwritable(nearest(directory, files), files);
  return await underLock(lock, files, () => {
    const made = plan();
    apply(made.steps, files);
    return made;
  });
}

function nearest(directory: string, files: NodeFiles): string {
  return files.kind(directory) === undefined ? nearest(dirname(directory), files) : directory;
}

function refuseUnwritable(directory: string, files: NodeFiles): void {
  const errno = files.refusal(directory);
  if (errno === undefined) return;
  const why = errno === "EROFS"
    ? "its file system is mounted read-only (EROFS), expected one that can be written, or --prefix"
    : needsRoot(errno)
      ? `permission denied (${errno}), expected to be run as root, or --prefix with a directory of yours as ~/.local`
      : `the system says ${errno}, expected a directory that can be written`;
  throw new CommandError(`Cannot change ${directory}: ${why}`);
}

/** Shells look for the completion of what they find; the words come from polynic itself. */
function unfoundNotes({ root }: ShellRequest, { PATH = "" }: ProcessEnvironment, files: NodeFiles): readonly string[] {
  const isFound = PATH.split(":").some((folder) => isAbsolute(folder) && isThere(join(folder, "polynic"), files));
  if (root !== "/" || isFound) return [];
  return ["polynic is not on the PATH, which shells need to complete its words: expected a link to it in one of " +
    "PATH's directories, as /usr/local/bin"];
}

/** Whoever cannot look into a directory runs nothing of it. */
function isThere(path: string, files: NodeFiles): boolean {
  try {
    return files.kind(path) !== undefined;
  } catch {
    return false;
  }
}
