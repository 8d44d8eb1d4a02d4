/**
 * WASM modules: pure functions of bytes in a sandbox. Found and held against their pins, verified and metered,
 * instantiated per call, every answer checked. `openModules` is what the rest of the program needs; what stands below
 * it are the parts, for people who make modules.
 */
export { keptModules, openModules } from "./host.ts";
export type { KeptModules, NodeModules } from "./host.ts";
export type {
  AttachmentRequest, LoadedModule, MergeInput, ModuleHost, ModuleReference, PolicyChange, ReviewRequest,
} from "./modules.ts";

export { checkAllocation } from "./call/allocate.ts";
export { printable, readAnswer } from "./call/answer.ts";
export { configCheckOf } from "./installed/config-check.ts";
export type { ConfigCheck } from "./installed/config-check.ts";
export { checkFrame, releaseFrame, reviewFrame } from "./call/foreign-frames.ts";
export { allocateFrame, mergeFrame } from "./call/frames.ts";
export { installModule, removeModule, verifyInstalled } from "./installed/install.ts";
export type { Exclusively } from "./installed/install.ts";
export { codeLimits, defaultLimits, fileLimits } from "./limits.ts";
export type { LimitsConf } from "./limits.ts";
export { defaultModuleDir, readLock } from "./installed/lock.ts";
export type { LockEntry } from "./installed/lock.ts";
export { checkMerge } from "./call/merge.ts";
export { MetadataError, parseMetadata } from "./installed/metadata.ts";
export type { ModuleKind, ModuleMetadata } from "./installed/metadata.ts";
export { meterModule } from "./code/meter.ts";
export { inspectModule, prepareModule } from "./installed/prepare.ts";
export { checkChecked, checkRelease } from "./call/release.ts";
export { checkReview } from "./call/review.ts";
export { observeModules } from "./call/observer.ts";
export { op } from "./call/op.ts";
export { callModule, compileModule, tryModule } from "./call/sandbox.ts";
export type { CallFigures, CompiledModule } from "./call/sandbox.ts";
export { seedOf } from "./call/seed.ts";
export { sha256Hex } from "./code/sha256.ts";
export { verifyModule } from "./code/verify.ts";
