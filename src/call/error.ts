import { CniError, code } from "../cni/index.ts";
import { PluginError } from "../exec/index.ts";

/**
 * Any error as the one that leaves the process: those of lower rooms get their code here. They are told by their names,
 * so that looking at an error does not load the room it came from.
 *
 * @see src/cni/errors.ts for the codes; 999 is a bug of our own
 */
export function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  if (!(error instanceof Error)) return new CniError(code.internal, String(error), { cause: error });
  // Several failures at once: the first one's code, as where the multiplexer joins them itself.
  if (error instanceof AggregateError && error.errors.length > 0)
    return new CniError(toCniError(error.errors[0]).code, error.message, { cause: error });
  return new CniError(codeOf(error), error.message, { cause: error });
}

function codeOf(error: Error): number {
  switch (error.name) {
    case "NetlinkError":
    case "SystemCallError": return code.kernel;
    // What was to be sent came out of a configuration; what cannot be decoded, from the kernel.
    case "CodecError": return "act" in error && error.act === "encode" ? code.invalidConfig : code.kernel;
    case "ProgramError": return code.executable;
    case "LockError": return code.tryAgainLater;
    case "NetnsError": return code.invalidNetns;
    case "AddressError": return code.decodingFailure;
  }
  // Node's file errors: an errno name in `code` and the system call beside it.
  return "syscall" in error ? code.ioFailure : code.internal;
}

/** Whether somebody else had a lock for longer than it was waited for: by the next time it may be free. */
export function isLocked(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === "LockError" ||
    isLocked(error.cause) ||
    (error instanceof AggregateError && error.errors.some(isLocked))
  );
}

/** The bug of our own that an error with code 999 comes from; undefined where a plugin gave it that code. */
export function bugIn(error: CniError): Error | undefined {
  let inner: unknown = error;
  while (inner instanceof CniError && !(inner instanceof PluginError) && inner.cause !== undefined) inner = inner.cause;
  return error.code !== code.internal || inner instanceof PluginError ? undefined
    : inner instanceof Error ? inner : error;
}

/** The error with what was being done put before it; code and details stay. */
export function withContext(error: unknown, context: string): CniError {
  const { code: number, message, details } = toCniError(error);
  return new CniError(number, `${context}: ${message}`, {
    cause: error,
    ...(details === undefined ? {} : { details }),
  });
}

/** Several errors as one: the first one's code, all messages joined as Multus joins them. */
export function joinErrors(errors: readonly unknown[]): CniError {
  const all = errors.map(toCniError);
  const details = all.flatMap((error) => error.details ?? []).join(" / ");
  return new CniError(all[0]?.code ?? code.internal, all.map(({ message }) => message).join(" / "), {
    cause: errors[0],
    ...(details === "" ? {} : { details }),
  });
}

/** The error with what could not be undone after it in its details. */
export function withUndoProblems(error: unknown, problems: readonly string[]): CniError {
  const first = toCniError(error);
  if (problems.length === 0) return first;
  const details = [
    ...(first.details === undefined ? [] : [first.details]),
    `while undoing: ${problems.join("; ")}`,
  ].join("; ");
  return new CniError(first.code, first.message, { details, cause: error });
}

/** One step that failed, in words. */
export function problemOf({ what, error }: { readonly what: string; readonly error: unknown }): string {
  return `cannot ${what}: ${toCniError(error).message}`;
}
