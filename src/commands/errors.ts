/** Why a command that a person typed ends: what leaves it as an error, in words, and the exit status. */
import { toCniError } from "../call/index.ts";
import { CniError, code as cniCode, messageOf } from "../cni/index.ts";
import { needsRoot } from "../os/index.ts";

/**
 * What was typed cannot be understood, on whatever machine: exit status 2. A name that nothing has here, or several
 * things, is a CommandError.
 */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What was asked cannot be done; the message follows the grammar of every other error. Exit status 1. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
}

/**
 * Root is what the kernel asks for whatever these commands do; without this each would fail at another place.
 *
 * @throws CommandError for anybody else
 */
export function requireRoot(act: string): void {
  if (process.geteuid?.() === 0) return;
  throw new CommandError(`Cannot ${act}: that is for root, expected to be run with sudo or as root`);
}

/** Whether an error is one a person can act upon; anything else is our own bug, as it is where a runtime asks. */
export function isForPeople(error: unknown): boolean {
  return error instanceof UsageError || error instanceof CommandError || error instanceof CniError
    || toCniError(error).code !== cniCode.internal;
}

/** What a person can act upon is told in a line; of our own bugs the stack is wanted. */
export function toldError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof CniError) return toldCniError(error);
  if (isSystemError(error)) return toldSystemError(error);
  return isForPeople(error) ? error.message : (error.stack ?? error.message);
}

function toldCniError({ message, details, code }: CniError): string {
  return `${message} (code ${code})${details === undefined || details === "" ? "" : `\n  ${details}`}`;
}

/** Node's errors of system calls name call, path and errno, and no person. */
interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
}

function toldSystemError(error: SystemError): string {
  const { syscall, path } = error;
  return `Cannot ${acts[syscall] ?? syscall}${path === undefined ? "" : ` ${path}`}: ${whySystemCallFailed(error)}`;
}

/** Why something failed, behind the colon: of a system call without Node's own words around it. */
export function whyFailed(error: unknown): string {
  return isSystemError(error) ? whySystemCallFailed(error) : messageOf(error);
}

/** `permission denied (EACCES), expected to be run as root` */
function whySystemCallFailed({ code, syscall, message }: SystemError): string {
  // `EACCES: permission denied, open '/x'`
  const said = message.replace(/^[A-Z0-9]+: /, "").replace(new RegExp(`, ${syscall}\\b.*$`, "s"), "");
  return `${said} (${code})${needsRoot(code) ? ", expected to be run as root" : ""}`;
}

function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    "syscall" in error &&
    typeof error.syscall === "string"
  );
}

/** System calls that do not say to everybody what they do. */
const acts: Readonly<Record<string, string>> = {
  open: "open",
  scandir: "read directory",
  mkdir: "make directory",
  unlink: "remove",
  rmdir: "remove directory",
  copyfile: "copy",
  lstat: "look at",
  stat: "look at",
  symlink: "make link",
  link: "make link",
};
