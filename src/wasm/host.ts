import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import { CniError, code } from "../cni/index.ts";
import { checkAllocation } from "./allocate.ts";
import type { Answer } from "./answer.ts";
import { readAnswer } from "./answer.ts";
import type { ConfigCheck } from "./config-check.ts";
import { configCheckOf } from "./config-check.ts";
import { allocateFrame, checkFrame, mergeFrame, releaseFrame, reviewFrame } from "./frames.ts";
import type { ModuleLock, UsableModule } from "./installed.ts";
import { defaultModuleDir, digest, loadInstalled, pinned, readLock } from "./installed.ts";
import type { CallLimits, LimitsConf } from "./limits.ts";
import { fileLimits, loweredLimits, nodeLimits } from "./limits.ts";
import { checkMerge } from "./merge.ts";
import { moduleName, parseMetadata } from "./metadata.ts";
import type { LoadedModule, ModuleHost, ModuleReference, NodeIdentity, PolicyChange } from "./modules.ts";
import { prepareModule } from "./prepare.ts";
import { checkChecked, checkRelease } from "./release.ts";
import { checkReview } from "./review.ts";
import type { CompiledModule } from "./sandbox.ts";
import { seedOf } from "./seed.ts";
import { compileModule, op, runModule } from "./sandbox.ts";

/** What the node's own configuration says about modules. */
export interface NodeModules {
  /** Where modules are installed. */
  readonly directory?: string;
  readonly limits?: LimitsConf;
  /** What each policy module may change. */
  readonly policyAllow?: Readonly<Record<string, readonly PolicyChange[]>>;
  /** The installed module that merges, in place of the built-in one, and its configuration. */
  readonly merge?: { readonly module: string; readonly config: object };
  readonly node?: NodeIdentity;
  /** Gets what modules log, a line at a time. */
  readonly log?: (line: string) => void;
}

/**
 * The modules of this node: those built with this program, in `builtInDirectory`, metered at build time; those installed;
 * and files the node's own configuration names.
 */
export function openModules(builtInDirectory: string, node: NodeModules = {}): ModuleHost {
  const { directory = defaultModuleDir, policyAllow = {}, log = () => {} } = node;
  const cap = nodeLimits(node.limits ?? {});
  const compiled = new Map<string, CompiledModule>();
  const loaded = new Map<string, LoadedModule>();
  let lock: ModuleLock | undefined;
  const installed = (name: string) => (moduleName.test(name) ? (lock ??= readLock(directory))[name] : undefined);
  const builtIn = (name: string): CompiledModule => remembered(compiled, name, () => compileModule(name, readBuiltIn(builtInDirectory, name)));
  const isBuiltIn = (name: string) => moduleName.test(name) && existsSync(builtInPath(builtInDirectory, name));

  const find = (reference: ModuleReference): UsableModule => {
    const { module: name, sha256 } = reference;
    const limits = loweredLimits(cap, reference.limits ?? {});
    if (name.includes("/")) return loadFile(reference, limits);
    if (isBuiltIn(name)) return usableBuiltIn(builtIn(name), limits);
    const entry = installed(name);
    if (entry === undefined) {
      throw new CniError(code.moduleNotFound, `Cannot find module ${JSON.stringify(name)}: it is neither built in nor installed in ${directory}, expected one of "polynic module list"`);
    }
    if (sha256 !== undefined && sha256 !== entry.sha256) {
      throw new CniError(code.moduleDigest, `Cannot use module "${name}": the one installed has the digest ${entry.sha256}, expected ${sha256}`);
    }
    return loadInstalled(directory, name, entry, limits);
  };
  const load = (reference: ModuleReference): LoadedModule =>
    remembered(loaded, JSON.stringify(reference), () => callable(find(reference), { allow: policyAllow[reference.module] ?? [], log }));
  return {
    get node() { return node.node ?? { name: "", index: null }; },
    seedOf,
    allocate(name, request) {
      return checkAllocation(name, readAnswer(name, runModule(builtIn(name), op.allocate, allocateFrame(request))), request);
    },
    merge(inputs) {
      const chosen = node.merge === undefined ? undefined : find({ module: node.merge.module, trusted: true });
      if (chosen !== undefined && chosen.metadata.kind !== "merge") {
        throw new CniError(code.invalidConfig, `Cannot use mergeModule "${chosen.name}": it is of kind ${chosen.metadata.kind}, expected one of kind merge`);
      }
      const merger = chosen?.compiled ?? builtIn("merge");
      const answer = readAnswer(merger.name, runModule(merger, op.merge, mergeFrame(inputs, node.merge?.config)));
      logAnswer(merger.name, answer, log);
      return checkMerge(merger.name, answer, inputs);
    },
    kindOf(name) {
      if (!isBuiltIn(name)) return installed(name)?.kind;
      return usableBuiltIn(builtIn(name), cap).metadata.kind;
    },
    load,
  };
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/** Names of the modules built with this program. */
export function builtInModuleNames(directory: string): readonly string[] {
  return readdirSync(directory).filter((file) => file.endsWith(".wasm")).map((file) => basename(file, ".wasm")).sort();
}

function builtInPath(directory: string, name: string): string {
  return join(directory, `${name}.wasm`);
}

function readBuiltIn(directory: string, name: string): Uint8Array<ArrayBuffer> {
  const path = builtInPath(directory, name);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new CniError(code.moduleNotFound, `Cannot find module "${name}": ${path} is not readable, expected the modules built with this program`, { cause });
  }
}

function usableBuiltIn(compiled: CompiledModule, limits: CallLimits): UsableModule {
  const [section] = WebAssembly.Module.customSections(compiled.module, "cni.module");
  const metadata = parseMetadata(section === undefined ? undefined : new Uint8Array(section));
  return { name: compiled.name, metadata, compiled: { ...compiled, limits }, limits, sha256: "" };
}

/** A file that the node's own configuration names, together with its digest. */
function loadFile({ module: path, sha256, trusted }: ModuleReference, limits: CallLimits): UsableModule {
  const refused = (what: string) => new CniError(code.moduleNotFound, `Cannot use module "${path}": ${what}`);
  if (!trusted) throw refused("a path is for the node's own configuration alone, expected the name of an installed module");
  if (!isAbsolute(path)) throw refused("expected an absolute path or the name of an installed module");
  if (sha256 === undefined || !digest.test(sha256)) throw refused("a path needs sha256, expected 64 lower-case hex digits");
  return prepareModule(path, pinned(`module "${path}"`, path, sha256, fileLimits.hardBytes), limits, sha256);
}

/** Whether the module answers that op, which its metadata tells. */
function answers({ metadata }: UsableModule, name: string): boolean {
  return metadata.ops.includes(name);
}

function callable(found: UsableModule, { allow, log }: { readonly allow: readonly PolicyChange[]; readonly log: (line: string) => void }): LoadedModule {
  const { name, metadata } = found;
  const call = (opNumber: number, frame: Uint8Array): Answer => {
    const answer = readAnswer(name, runModule(found.compiled, opNumber, frame));
    logAnswer(name, answer, log);
    return answer;
  };
  let check: ConfigCheck | undefined = found.configCheck;
  return {
    name, metadata,
    async checkConfig(config) {
      check ??= await configCheckOf(name, metadata.configSchema);
      return check(config);
    },
    allocate: (request) => checkAllocation(name, call(op.allocate, allocateFrame(request)), request, metadata),
    release: (request) => (answers(found, "release") ? checkRelease(name, call(op.release, releaseFrame(request)), request) : []),
    check(request) {
      if (answers(found, "check")) checkChecked(name, call(op.check, checkFrame(request)));
    },
    review: (request) => checkReview(name, call(op.review, reviewFrame(request)), request, allow),
  };
}

const logLines = 20, logChars = 256;

/** What a module wants to be read by people; anything else in that place is passed over. */
function logAnswer(name: string, { log: lines }: Answer, log: (line: string) => void): void {
  if (!Array.isArray(lines)) return;
  for (const line of lines.slice(0, logLines)) {
    if (typeof line === "string") log(`module "${name}": ${line.slice(0, logChars).replace(/[\u0000-\u001f\u007f]/g, " ")}`);
  }
}

