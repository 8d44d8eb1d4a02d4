import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CniError, code } from "../cni/index.ts";
import type { NodeIdentity } from "../ipam/index.ts";
import { checkAllocation } from "./call/allocate.ts";
import { readAnswer } from "./call/answer.ts";
import { allocateFrame, mergeFrame } from "./call/frames.ts";
import { keptInstances } from "./call/instance.ts";
import { checkMerge } from "./call/merge.ts";
import type { BuiltInModule, CompiledModule } from "./call/sandbox.ts";
import { op } from "./call/op.ts";
import { compileModule, runModule } from "./call/sandbox.ts";
import type { ModuleLock } from "./installed/lock.ts";
import { defaultModuleDir, readLock, removedPath } from "./installed/lock.ts";
import { metadataOf, moduleName } from "./installed/metadata.ts";
import type { UsableModule } from "./installed/load.ts";
import type { LimitsConf } from "./limits.ts";
import { nodeLimits } from "./limits.ts";
import type { LoadedModule, ModuleHost, ModuleReference, PolicyChange } from "./modules.ts";

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
  /** A directory for requests that a module failed at; absent: they are not kept. */
  readonly recordings?: string;
  /** Gets what modules log, a line at a time. */
  readonly log?: (line: string) => void;
}

/**
 * The modules of this node: those built with this program, in `builtInDirectory`, metered at build time; those
 * installed; and files the node's own configuration names. What only the latter two need is loaded with the first of
 * them.
 */
export function openModules(
  builtInDirectory: string,
  node: NodeModules = {},
  kept: KeptModules = keptModules(),
): ModuleHost {
  const { directory = defaultModuleDir, policyAllow = {}, log = () => {} } = node;
  const recording = node.recordings === undefined ? {} : { recordings: node.recordings };
  const cap = nodeLimits(node.limits ?? {});
  const loaded = new Map<string, LoadedModule>();
  let lock: ModuleLock | undefined;
  const installed = (name: string) => (moduleName.test(name) ? (lock ??= readLock(directory))[name] : undefined);
  const own = (name: string) => builtInModule(kept, builtInDirectory, name);
  const builtIn = (name: string) =>
    moduleName.test(name) && existsSync(builtInPath(builtInDirectory, name)) ? described(own(name)) : undefined;
  const places = { directory, cap, builtIn, installed };
  const find = async (reference: ModuleReference): Promise<UsableModule> => {
    const { findModule } = await import("./installed/foreign.ts");
    // Everything that decides which bytes these are, their digest among it: as long as it is the same, so are they.
    const name = reference.module;
    const key = JSON.stringify([directory, node.limits, reference, name.includes("/") ? undefined : installed(name)]);
    const known = kept.foreign.get(key) ?? (await findModule(places, reference));
    // Limits are a network's to choose: each number would be another module to keep.
    if (kept.foreign.size >= keptModulesMax) kept.foreign.clear();
    kept.foreign.set(key, known);
    return known;
  };
  return {
    get node() { return node.node ?? { name: "", index: null }; },
    allocate(name, request) {
      const answer = readAnswer(name, runModule(own(name), op.allocate, allocateFrame(request)));
      return checkAllocation(name, answer, request);
    },
    async merge(inputs) {
      const merger = node.merge === undefined ? own("merge") : await chosenMerger(node.merge);
      const answer = readAnswer(
        merger.name,
        runModule(merger, op.merge, mergeFrame(inputs, node.merge?.config)),
        (line) => log(`module "${merger.name}": ${line}`),
      );
      return checkMerge(merger.name, answer, inputs);
    },
    async requireMerger() {
      if (node.merge !== undefined) await chosenMerger(node.merge);
    },
    whyGone(name) {
      try {
        if (installed(name) !== undefined || !moduleName.test(name) || !existsSync(removedPath(directory, name)))
          return undefined;
        return new CniError(
          code.moduleNotFound,
          `Cannot use module "${name}": it was removed from ${directory}, expected it to be installed there`,
        );
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    },
    kindOf: (name) => (builtIn(name)?.metadata ?? installed(name))?.kind,
    async load(reference) {
      const { callable } = await import("./installed/foreign.ts");
      if (loaded.size >= keptModulesMax) loaded.clear();
      const key = JSON.stringify(reference);
      const module =
        loaded.get(key) ??
        callable(await find(reference), {
          allow: policyAllow[reference.module] ?? [],
          log,
          ...recording,
        });
      loaded.set(key, module);
      return module;
    },
  };

  async function chosenMerger({ module, config }: NonNullable<NodeModules["merge"]>): Promise<CompiledModule> {
    const { callable } = await import("./installed/foreign.ts");
    const chosen = await find({ module, trusted: true });
    if (chosen.metadata.kind !== "merge") {
      throw new CniError(
        code.invalidConfig,
        `Cannot use mergeModule "${chosen.name}": it is of kind ${chosen.metadata.kind}, expected one of kind merge`,
      );
    }
    const problem = await callable(chosen, { allow: [], log }).checkConfig(config);
    if (problem !== undefined)
      throw new CniError(code.invalidConfig, `Cannot use mergeConfig for module "${chosen.name}": ${problem}`);
    return chosen.compiled;
  }
}

/** Compiled modules that outlive one host; whatever else belongs to a command is the host's. */
export interface KeptModules {
  /** By name. */
  readonly builtIn: Map<string, CompiledModule>;
  /** By everything that says which bytes they are and how far they may go. */
  readonly foreign: Map<string, UsableModule>;
}

export function keptModules(): KeptModules {
  return { builtIn: new Map(), foreign: new Map() };
}

/** When there are more they are all forgotten: they are read again. */
const keptModulesMax = 64;

function builtInModule({ builtIn }: KeptModules, directory: string, name: string): CompiledModule {
  const module = builtIn.get(name) ??
    { ...compileModule(name, readBuiltIn(directory, name)), instances: keptInstances() };
  builtIn.set(name, module);
  return module;
}

function builtInPath(directory: string, name: string): string {
  return join(directory, `${name}.wasm`);
}

function readBuiltIn(directory: string, name: string): Uint8Array<ArrayBuffer> {
  const path = builtInPath(directory, name);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new CniError(
      code.moduleNotFound,
      `Cannot find module "${name}": ${path} is not readable, expected the modules built with this program`,
      { cause },
    );
  }
}

function described(compiled: CompiledModule): BuiltInModule {
  return { compiled, metadata: metadataOf(compiled.module) };
}
