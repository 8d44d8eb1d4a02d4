/**
 * Modules that are named in a configuration: installed ones, files of the node's own, and built-in ones used as such. A
 * script of its own, loaded when the first of them is wanted: most networks name none.
 */
import { isAbsolute } from "node:path";
import { CniError, code } from "../../cni/index.ts";
import { checkAllocation } from "../call/allocate.ts";
import type { Answer } from "../call/answer.ts";
import { readAnswer } from "../call/answer.ts";
import { checkFrame, releaseFrame, reviewFrame } from "../call/foreign-frames.ts";
import { allocateFrame } from "../call/frames.ts";
import { recordFrame } from "../call/record.ts";
import { checkChecked, checkRelease } from "../call/release.ts";
import { checkReview } from "../call/review.ts";
import type { BuiltInModule } from "../call/sandbox.ts";
import { op } from "../call/op.ts";
import { runModule } from "../call/sandbox.ts";
import { seedOf } from "../call/seed.ts";
import type { CallLimits } from "../limits.ts";
import { fileLimits, loweredLimits } from "../limits.ts";
import type { LoadedModule, ModuleReference, PolicyChange } from "../modules.ts";
import { configProblem } from "./config-check.ts";
import type { UsableModule } from "./load.ts";
import { loadInstalled, usable } from "./load.ts";
import type { LockEntry } from "./lock.ts";
import { digest } from "./lock.ts";
import { pinned } from "./pinned.ts";

/** Where modules are looked for, and how far they may go at most. */
export interface ModulePlaces {
  readonly directory: string;
  readonly cap: CallLimits;
  builtIn(name: string): BuiltInModule | undefined;
  installed(name: string): LockEntry | undefined;
}

/**
 * The module a configuration means, ready for calls.
 *
 * @throws CniError 140, 141, 142
 */
export async function findModule(
  { directory, cap, builtIn, installed }: ModulePlaces,
  reference: ModuleReference,
): Promise<UsableModule> {
  const { module: name, sha256 } = reference;
  const limits = loweredLimits(cap, reference.limits ?? {});
  if (name.includes("/")) return await loadFile(reference, limits);
  const own = builtIn(name);
  if (own !== undefined) return usable({ ...own, name, compiled: { ...own.compiled, limits }, limits, sha256: "" });
  const entry = installed(name);
  if (entry === undefined) {
    throw new CniError(
      code.moduleNotFound,
      `Cannot find module ${JSON.stringify(name)}: it is neither built in nor installed in ${directory}, expected ` +
        `one of "polynic module list"`,
    );
  }
  if (sha256 !== undefined && sha256 !== entry.sha256) {
    throw new CniError(
      code.moduleDigest,
      `Cannot use module "${name}": the one installed has the digest ${entry.sha256}, expected ${sha256}`,
    );
  }
  return await loadInstalled(directory, name, entry, limits);
}

/** A file that the node's own configuration names, together with its digest. */
async function loadFile({ module: path, sha256, trusted }: ModuleReference, limits: CallLimits): Promise<UsableModule> {
  const refused = (what: string) => new CniError(code.moduleNotFound, `Cannot use module "${path}": ${what}`);
  if (!trusted)
    throw refused("a path is for the node's own configuration alone, expected the name of an installed module");
  if (!isAbsolute(path)) throw refused("expected an absolute path or the name of an installed module");
  if (sha256 === undefined || !digest.test(sha256))
    throw refused("a path needs sha256, expected 64 lower-case hex digits");
  const bytes = pinned(`module "${path}"`, path, sha256, fileLimits.hardBytes);
  const { prepareModule } = await import("./prepare.ts");
  return usable(prepareModule(path, bytes, limits, sha256));
}

export interface CallableOptions {
  readonly allow: readonly PolicyChange[];
  readonly log: (line: string) => void;
  /** Where requests are kept that end in what no module may do; absent: nowhere. */
  readonly recordings?: string;
}

/** A module with every call's answer checked. */
export function callable(found: UsableModule, { allow, log, recordings }: CallableOptions): LoadedModule {
  const { name, metadata } = found;
  const tell = (line: string) => log(`module "${name}": ${line}`);
  const ask = <T>(opNumber: number, frame: Uint8Array, accept: (answer: Answer) => T): T => {
    try {
      return accept(readAnswer(name, runModule(found.compiled, opNumber, frame), tell));
    } catch (error) {
      // From 143 on it is the module that failed, and not what it was asked.
      if (recordings !== undefined && error instanceof CniError && error.code >= code.moduleFuel)
        tell(recordFrame(recordings, name, frame));
      throw error;
    }
  };
  return {
    name, metadata, seedOf,
    checkConfig: async (config) => configProblem(config) ?? (await found.configCheck())(config),
    allocate: (request) =>
      ask(op.allocate, allocateFrame(request), (answer) => checkAllocation(name, answer, request, metadata)),
    release: (request) =>
      answers(found, "release")
        ? ask(op.release, releaseFrame(request), (answer) => checkRelease(name, answer, request))
        : [],
    check(request) {
      if (answers(found, "check")) ask(op.check, checkFrame(request), (answer) => checkChecked(name, answer));
    },
    review: (request) => ask(op.review, reviewFrame(request), (answer) => checkReview(name, answer, request, allow)),
  };
}

/** Whether the module answers that op, which its metadata tells. */
function answers({ metadata }: UsableModule, name: string): boolean {
  return metadata.ops.includes(name);
}
