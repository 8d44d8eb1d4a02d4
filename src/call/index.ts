/**
 * The tools of one call: handles on everything a plugin may touch, undo and teardown, the log, errors with their codes,
 * and executables as plugins.
 */
export { bugIn, isLocked, joinErrors, problemOf, toCniError, withContext, withUndoProblems } from "./error.ts";
export { handlesWith, openHandles, usualStateDir } from "./handles.ts";
export type { ModulesConf, OpenHandles } from "./handles.ts";
export { openBlocks } from "./late-leases.ts";
export { openLog } from "./log.ts";
export type { LogOptions } from "./log.ts";
export type { Observer } from "./observer.ts";
export { openWarm } from "./surroundings.ts";
export type { Surroundings, Warm } from "./surroundings.ts";
export { teardownGroup } from "./teardown.ts";
export { undoSteps } from "./undo.ts";
export type { FailedStep, UndoSteps } from "./undo.ts";
