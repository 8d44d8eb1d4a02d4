/**
 * Modules that are named in a configuration: installed ones, files of the node's own, and built-in ones used as such. A
 * script of its own, loaded when the first of them is wanted: most networks name none.
 */
import { isAbsolute } from "node:path";
import { CniError, code } from "../cni/index.ts";
import { checkAllocation } from "./allocate.ts";
import type { Answer } from "./answer.ts";
import { readAnswer } from "./answer.ts";
import type { ConfigCheck } from "./config-check.ts";
import { configCheckOf, configProblem } from "./config-check.ts";
import { checkFrame, releaseFrame, reviewFrame } from "./foreign-frames.ts";
import { allocateFrame } from "./frames.ts";
import type { UsableModule } from "./installed.ts";
import { loadInstalled, pinned } from "./installed.ts";
import type { CallLimits } from "./limits.ts";
import { fileLimits, loweredLimits } from "./limits.ts";
import type { LockEntry } from "./lock.ts";
import { digest } from "./lock.ts";
import type { LoadedModule, ModuleReference, PolicyChange } from "./modules.ts";
import { prepareModule } from "./prepare.ts";
import { checkChecked, checkRelease } from "./release.ts";
import { checkReview } from "./review.ts";
import type { BuiltInModule } from "./sandbox.ts";
import { op, runModule } from "./sandbox.ts";
import { seedOf } from "./seed.ts";

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
export function findModule({ directory, cap, builtIn, installed }: ModulePlaces, reference: ModuleReference): UsableModule {
  const { module: name, sha256 } = reference;
  const limits = loweredLimits(cap, reference.limits ?? {});
  if (name.includes("/")) return loadFile(reference, limits);
  const own = builtIn(name);
  if (own !== undefined) return { ...own, name, compiled: { ...own.compiled, limits }, limits, sha256: "" };
  const entry = installed(name);
  if (entry === undefined) {
    throw new CniError(code.moduleNotFound, `Cannot find module ${JSON.stringify(name)}: it is neither built in nor installed in ${directory}, expected one of "polynic module list"`);
  }
  if (sha256 !== undefined && sha256 !== entry.sha256) {
    throw new CniError(code.moduleDigest, `Cannot use module "${name}": the one installed has the digest ${entry.sha256}, expected ${sha256}`);
  }
  return loadInstalled(directory, name, entry, limits);
}

/** A file that the node's own configuration names, together with its digest. */
function loadFile({ module: path, sha256, trusted }: ModuleReference, limits: CallLimits): UsableModule {
  const refused = (what: string) => new CniError(code.moduleNotFound, `Cannot use module "${path}": ${what}`);
  if (!trusted) throw refused("a path is for the node's own configuration alone, expected the name of an installed module");
  if (!isAbsolute(path)) throw refused("expected an absolute path or the name of an installed module");
  if (sha256 === undefined || !digest.test(sha256)) throw refused("a path needs sha256, expected 64 lower-case hex digits");
  return prepareModule(path, pinned(`module "${path}"`, path, sha256, fileLimits.hardBytes), limits, sha256);
}

/** A module with every call's answer checked. */
export function callable(found: UsableModule, { allow, log }: { readonly allow: readonly PolicyChange[]; readonly log: (line: string) => void }): LoadedModule {
  const { name, metadata } = found;
  const call = (opNumber: number, frame: Uint8Array): Answer => readAnswer(name, runModule(found.compiled, opNumber, frame), log);
  let check: ConfigCheck | undefined = found.configCheck;
  return {
    name, metadata, seedOf,
    async checkConfig(config) {
      check ??= await configCheckOf(name, metadata.configSchema);
      return configProblem(config) ?? check(config);
    },
    allocate: (request) => checkAllocation(name, call(op.allocate, allocateFrame(request)), request, metadata),
    release: (request) => (answers(found, "release") ? checkRelease(name, call(op.release, releaseFrame(request)), request) : []),
    check(request) {
      if (answers(found, "check")) checkChecked(name, call(op.check, checkFrame(request)));
    },
    review: (request) => checkReview(name, call(op.review, reviewFrame(request)), request, allow),
  };
}

/** Whether the module answers that op, which its metadata tells. */
function answers({ metadata }: UsableModule, name: string): boolean {
  return metadata.ops.includes(name);
}
