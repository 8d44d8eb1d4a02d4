/**
 * WASM modules: pure functions of bytes in a sandbox. Found and held against their pins, verified and metered, instantiated
 * per call, every answer checked. `openModules` is what the rest of the program needs; what stands below it are the parts,
 * for people who make modules.
 */
export { openModules } from "./host.ts";
export type { NodeModules } from "./host.ts";
export type * from "./modules.ts";

export { checkAllocation } from "./allocate.ts";
export { printable, readAnswer } from "./answer.ts";
export type { Answer } from "./answer.ts";
export { compileConfigSchema, configCheckOf, loadConfigCheck } from "./config-check.ts";
export type { ConfigCheck } from "./config-check.ts";
export { encodeFrame } from "./frame.ts";
export type { FrameRange } from "./frame.ts";
export { checkFrame, releaseFrame, reviewFrame } from "./foreign-frames.ts";
export { allocateFrame, mergeFrame } from "./frames.ts";
export { installModule, removeModule, verifyInstalled } from "./install.ts";
export type { Exclusively, InstallRequest } from "./install.ts";
export { loadInstalled } from "./installed.ts";
export type { UsableModule } from "./installed.ts";
export { codeLimits, defaultLimits, fileLimits, hardLimits } from "./limits.ts";
export type { CallLimits, LimitsConf } from "./limits.ts";
export { defaultModuleDir, readLock } from "./lock.ts";
export type { LockEntry, ModuleLock } from "./lock.ts";
export { checkMerge } from "./merge.ts";
export { MetadataError, moduleName, parseMetadata } from "./metadata.ts";
export type { ModuleKind, ModuleMetadata, ModuleNeed } from "./metadata.ts";
export { meterModule } from "./meter.ts";
export { inspectModule, prepareModule } from "./prepare.ts";
export type { Inspection, PreparedModule } from "./prepare.ts";
export { checkChecked, checkRelease } from "./release.ts";
export { checkReview } from "./review.ts";
export { callModule, compileModule, op, tryModule } from "./sandbox.ts";
export type { CallFigures, CompiledModule, ModuleCall } from "./sandbox.ts";
export { seedOf } from "./seed.ts";
export { sha256Hex } from "./sha256.ts";
export { verifyModule } from "./verify.ts";
