import { CniError, code } from "../../cni/index.ts";
import type { CompiledModule } from "../call/sandbox.ts";
import { compileModule } from "../call/sandbox.ts";
import { BinaryWriter, RefusedModuleError } from "../code/binary.ts";
import { meterModule } from "../code/meter.ts";
import { sha256Hex } from "../code/sha256.ts";
import type { VerifiedModule } from "../code/verify.ts";
import { verifyModule } from "../code/verify.ts";
import type { CallLimits } from "../limits.ts";
import { defaultLimits, fileLimits } from "../limits.ts";
import type { ModuleMetadata } from "./metadata.ts";
import { MetadataError, metadataSection, parseMetadata } from "./metadata.ts";

/** A module that was looked over and may be called. */
export interface PreparedModule {
  readonly name: string;
  readonly metadata: ModuleMetadata;
  readonly compiled: CompiledModule;
  readonly limits: CallLimits;
  /** Of its file. */
  readonly sha256: string;
}

/**
 * Verifies, meters and compiles a module's bytes and reads its metadata; nothing of it runs.
 *
 * @param sha256  where it is known already
 * @throws CniError 142 with the rule, the function and the byte offset
 */
export function prepareModule(
  name: string,
  bytes: Uint8Array,
  limits: CallLimits = defaultLimits,
  sha256 = sha256Hex(bytes),
): PreparedModule {
  const { metadata, metered } = lookOver(name, bytes, limits);
  return { name, metadata, compiled: { ...compileModule(name, metered), limits }, limits, sha256 };
}

/** Of a module that `prepareModule` takes: metered, with its metadata, as the files of built-in modules are. */
export function preparedBytes(name: string, bytes: Uint8Array, limits: CallLimits): Uint8Array<ArrayBuffer> {
  const { metered, section } = lookOver(name, bytes, limits);
  return new BinaryWriter(metered.length + section.length + 32)
    .raw(metered)
    .byte(0)
    .sized(new BinaryWriter().name(metadataSection).raw(section))
    .bytes();
}

interface LookedOver {
  readonly metadata: ModuleMetadata;
  /** The metadata's text. */
  readonly section: Uint8Array;
  readonly metered: Uint8Array<ArrayBuffer>;
}

function lookOver(name: string, bytes: Uint8Array, { memoryPages }: CallLimits): LookedOver {
  try {
    const verified = verifyModule(bytes, { memoryPages, fileBytes: fileLimits.hardBytes });
    const metadata = parseMetadata(verified.metadata);
    return { metadata, section: verified.metadata ?? new Uint8Array(), metered: meterModule(verified) };
  } catch (cause) {
    if (cause instanceof RefusedModuleError) {
      throw new CniError(code.moduleRefused, `Cannot use module "${name}": ${cause.message} (byte ${cause.offset})`, {
        cause,
      });
    }
    if (cause instanceof MetadataError)
      throw new CniError(code.moduleRefused, `Cannot use module "${name}": ${cause.message}`, { cause });
    throw cause;
  }
}

/** What can be said of a module's bytes without compiling or running them. */
export interface Inspection {
  readonly bytes: number;
  readonly sha256: string;
  /** Why it would not be used; absent when it would. */
  readonly refused?: { readonly rule: string; readonly offset?: number };
  readonly metadata?: ModuleMetadata;
  readonly exports: readonly { readonly name: string; readonly kind: string }[];
  readonly functions: number;
  readonly initialPages: number;
  /** Size with fuel counted. */
  readonly meteredBytes: number;
  /** The largest of any function, to be held against `codeLimits`. */
  readonly largest: {
    readonly bodyBytes: number;
    readonly locals: number;
    readonly loops: number;
    readonly localBlocks: number;
  };
}

/** @throws RangeError beyond 512 KiB */
export function inspectModule(bytes: Uint8Array): Inspection {
  const nothing = {
    exports: [],
    functions: 0,
    initialPages: 0,
    meteredBytes: 0,
    largest: { bodyBytes: 0, locals: 0, loops: 0, localBlocks: 0 },
  };
  const whole = { bytes: bytes.length, sha256: sha256Hex(bytes) };
  let verified: VerifiedModule;
  try {
    verified = verifyModule(bytes, { fileBytes: fileLimits.hardBytes });
  } catch (error) {
    if (!(error instanceof RefusedModuleError)) throw error;
    return { ...whole, ...nothing, refused: { rule: error.message, offset: error.offset } };
  }
  const most = (of: (body: VerifiedModule["bodies"][number]) => number) => Math.max(0, ...verified.bodies.map(of));
  const seen = {
    ...whole,
    exports: [...verified.exports].map(([name, { kind }]) => ({
      name,
      kind: ["function", "table", "memory", "global"][kind] ?? "",
    })),
    functions: verified.bodies.length,
    initialPages: verified.initialPages,
    meteredBytes: meterModule(verified).length,
    largest: {
      bodyBytes: most(({ start, end }) => end - start),
      locals: most(({ locals }) => locals),
      loops: most(({ scan }) => scan.loops),
      localBlocks: most(({ locals, scan }) => locals * scan.blocks),
    },
  };
  try {
    return { ...seen, metadata: parseMetadata(verified.metadata) };
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error;
    return { ...seen, refused: { rule: error.message } };
  }
}
