import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CniError, code } from "../cni/index.ts";
import { allocateJson, checkAllocation } from "./allocate.ts";
import { readAnswer } from "./answer.ts";
import { encodeFrame } from "./frame.ts";
import type { FrameRange } from "./frame.ts";
import { checkMerge, mergeJson } from "./merge.ts";
import type { ModuleHost } from "./modules.ts";
import type { CompiledModule } from "./sandbox.ts";
import { compileModule, op, runModule } from "./sandbox.ts";

/** Modules in a directory, one `<name>.wasm` each: those that were built with this program. Read and compiled at first use. */
export function openModules(directory: string): ModuleHost {
  const compiled = new Map<string, CompiledModule>();
  const find = (name: string): CompiledModule => {
    const known = compiled.get(name);
    if (known !== undefined) return known;
    const fresh = compileModule(name, readModule(directory, name));
    compiled.set(name, fresh);
    return fresh;
  };
  return {
    allocate(name, request) {
      const answer = runModule(find(name), op.allocate, frameOf(allocateJson(request), request.ranges));
      return checkAllocation(name, readAnswer(name, answer), request);
    },
    merge(inputs) {
      const answer = runModule(find("merge"), op.merge, frameOf(mergeJson(inputs), []));
      return checkMerge("merge", readAnswer("merge", answer), inputs);
    },
  };
}

const moduleName = /^[a-z0-9][a-z0-9-]{0,62}$/;

function readModule(directory: string, name: string): Uint8Array<ArrayBuffer> {
  if (!moduleName.test(name)) {
    throw new CniError(code.moduleNotFound, `Cannot use module ${JSON.stringify(name)}: expected a name of lower-case letters, digits and dashes`);
  }
  const path = join(directory, `${name}.wasm`);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new CniError(code.moduleNotFound, `Cannot find module "${name}": ${path} is not readable, expected the modules built with this program`, { cause });
  }
}

function frameOf(json: string, ranges: readonly FrameRange[]): Uint8Array {
  try {
    return encodeFrame(json, ranges);
  } catch (cause) {
    throw new CniError(code.invalidConfig, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
