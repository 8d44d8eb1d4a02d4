/**
 * The multiplexer: many networks for one container. It chooses the networks (delegates), orders them, runs their plugins,
 * built in or executed, undoes what cannot be completed, remembers on disk what DEL will need, and makes one answer.
 * The five commands share the reading of configuration (config.ts, resolve.ts), the plan of networks (network.ts) and the
 * running of one network (chain.ts). Names, files and their shapes are Multus's.
 */
export { add } from "./add.ts";
export { check } from "./check.ts";
export { joinErrors, problemOf, toCniError, withUndoProblems } from "./cni-error.ts";
export type { MuxCommand, OpenHandles } from "./command.ts";
export { handlesWith } from "./command.ts";
export type { MuxConfig } from "./config.ts";
export { parseMuxConfig } from "./config.ts";
export { withContainerLock } from "./container-lock.ts";
export { del } from "./del.ts";
export { parseDelegate } from "./delegate.ts";
export type { Delegate } from "./delegate.ts";
export { gc } from "./gc.ts";
export type { HandlesOptions } from "./handles.ts";
export { openHandles } from "./handles.ts";
export type { LogOptions } from "./log.ts";
export { openLog } from "./log.ts";
export { multiplexerTypes } from "./nesting.ts";
export { pluginPath } from "./network.ts";
export { status } from "./status.ts";
export { teardownGroup } from "./teardown.ts";
export type { FailedStep } from "./undo.ts";
export { undoSteps } from "./undo.ts";
