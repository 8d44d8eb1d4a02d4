import { CniError } from "../../../cni/index.ts";
import type { AllocateDecision, AllocateRequest } from "../../../ipam/index.ts";
import type { CompiledModule, ModuleMetadata } from "../../../wasm/index.ts";
import {
  allocateFrame,
  callModule,
  checkAllocation,
  compileModule,
  meterModule,
  op,
  parseMetadata,
  prepareModule,
  readAnswer,
  verifyModule,
} from "../../../wasm/index.ts";
import type { Figures } from "./report.ts";

/** A module that can be tried. */
export interface Subject {
  readonly name: string;
  readonly metadata: ModuleMetadata;
  readonly compiled: CompiledModule;
  /** Its code with fuel counting, for another process. */
  readonly metered: Uint8Array<ArrayBuffer>;
}

/**
 * An author's module: its bytes as built, verified and metered here.
 *
 * @throws CniError 142
 */
export function subjectOf(bytes: Uint8Array): Subject {
  const { metadata, compiled } = prepareModule("module", bytes);
  const { name } = metadata;
  return { name, metadata, compiled: { ...compiled, name }, metered: meterModule(verifyModule(bytes)) };
}

/** A module that was built with this program, and metered then. */
export function builtInSubject(bytes: Uint8Array<ArrayBuffer>): Subject {
  const [section] = WebAssembly.Module.customSections(new WebAssembly.Module(bytes), "cni.module");
  const metadata = parseMetadata(section === undefined ? undefined : new Uint8Array(section));
  return { name: metadata.name, metadata, compiled: compileModule(metadata.name, bytes), metered: bytes };
}

/** What an allocation came to: a decision the host accepts, or an error of the module's own. */
export type Outcome = { readonly decision: AllocateDecision } | { readonly code: number; readonly message: string };

/**
 * Asks for addresses as the host does, with every check of the host.
 *
 * @throws CniError 143 to 146 for what no module may do
 */
export function allocate(subject: Subject, request: AllocateRequest, figures: Figures): Outcome {
  const text = callOn(subject, op.allocate, allocateFrame(request), figures);
  return ownError(() => ({
    decision: checkAllocation(subject.name, readAnswer(subject.name, text), request, {
      perSet: subject.metadata.perSet,
    }),
  }));
}

/** A call whose figures are noted. */
export function callOn(subject: Subject, opNumber: number, frame: Uint8Array, figures: Figures): string {
  const { text, fuelUsed, memoryBytes } = callModule(subject.compiled, opNumber, frame, {});
  figures.fuel = Math.max(figures.fuel, Number(fuelUsed));
  figures.memoryBytes = Math.max(figures.memoryBytes, memoryBytes);
  return text;
}

/** Codes from 140 on are the host's: the module did something it must not do. */
const firstHostCode = 140;

/** Errors a module may answer with become an outcome. */
export function ownError<T>(work: () => T): T | { readonly code: number; readonly message: string } {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof CniError) || error.code >= firstHostCode) throw error;
    return { code: error.code, message: error.message };
  }
}
