/** Foreign modules, assembled by hand or built from the examples, and directories they are installed in. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BinaryWriter } from "../../src/wasm/code/binary.ts";
import type { LockEntry, ModuleKind } from "../../src/wasm/index.ts";
import { sha256Hex } from "../../src/wasm/index.ts";
import type { Assembly } from "./wasm.ts";
import { assemble, builtModules } from "./wasm.ts";

/** Metadata that does for every test module; each may say otherwise. */
export interface Described {
  readonly kind?: ModuleKind;
  readonly name?: string;
  readonly needs?: readonly string[];
  readonly configSchema?: object;
  readonly perSet?: string;
  readonly [key: string]: unknown;
}

/** An assembled module has one answer for every op, so it knows one op alone. */
const opsOf = { ipam: ["allocate"], merge: ["merge"], policy: ["review"] };

/** An assembled module with metadata. */
export function describedModule(parts: Assembly = {}, described: Described = {}): Uint8Array<ArrayBuffer> {
  const { kind = "ipam" } = described;
  const metadata = { abi: 1, kind, name: "test", version: "1.0.0", description: "", ops: opsOf[kind], needs: [],
    ...described };
  const content = new BinaryWriter().name("cni.module").raw(new TextEncoder().encode(JSON.stringify(metadata))).bytes();
  return assemble({ ...parts, sections: [...(parts.sections ?? []), [0, [...content]]] });
}

/** The bytes of one of the examples, as its author would install it. */
export function exampleModule(name: string): Uint8Array<ArrayBuffer> {
  return readFileSync(join(builtModules, "examples", `${name}.wasm`));
}

/** Puts a module and its entry into a directory without looking at it, as somebody who owns the node could. */
export function plant(directory: string, name: string, bytes: Uint8Array, entry: Partial<LockEntry> = {}): void {
  writeFileSync(join(directory, `${name}.wasm`), bytes);
  writeFileSync(join(directory, "modules.lock.json"), JSON.stringify({ [name]: { sha256: sha256Hex(bytes),
    version: "1.0.0", kind: "ipam", ...entry } }));
}
