/**
 * The multiplexer: many networks for one container. It chooses the networks (delegates), orders them, runs their
 * plugins, built in or executed, undoes what cannot be completed, remembers on disk what DEL will need, and makes one
 * answer. The five commands share the reading of configuration (conf.ts, resolve.ts), the plan of networks
 * (network.ts) and the running of one network (chain.ts). Names, files and their shapes are Multus's.
 */
export { add } from "./add.ts";
export { changeNetworks } from "./change/change.ts";
export type { ChangeOutcome } from "./change/change.ts";
export { check } from "./check.ts";
export { networksOfAdd } from "./cluster.ts";
export type { MuxCommand } from "./command.ts";
export type { MuxConf } from "./conf.ts";
export { leaseStoresOf, parseMuxConf } from "./conf.ts";
export { withContainerLock } from "./attachment/container-lock.ts";
export { knownAttachment, knownAttachments } from "./attachment/known.ts";
export type { KnownAttachment, KnownNetwork } from "./attachment/known.ts";
export { del } from "./del.ts";
export { parseDelegate, toScratch } from "./networks/delegate.ts";
export type { Delegate } from "./networks/delegate.ts";
export { gc } from "./gc.ts";
export { multiplexerTypes } from "./networks/nesting.ts";
export { pluginPath } from "./networks/network-attachment.ts";
export { status } from "./status.ts";
