/**
 * Programs we run: plugin executables found on CNI_PATH, iptables when that backend is chosen, and nft for what an
 * operator says in its words and we cannot.
 */
export { openIptables } from "./iptables.ts";
export type { Iptables, IptablesChange, IptablesOptions } from "./iptables.ts";
export { openNftTool } from "./nft.ts";
export type { NftTool } from "./nft.ts";
export { PluginError, findExecutable, insideVariable, runExecutable } from "./executable.ts";
export type { ExecutableCall } from "./executable.ts";
