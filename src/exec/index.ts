/**
 * Other programs: those we run (plugin executables found on CNI_PATH, iptables and firewalld when that backend is
 * chosen, and nft for what an operator says in its words and we cannot), and the DHCP daemon, which we speak to.
 */
export type { DhcpDaemon } from "./dhcp-daemon.ts";
export { lateDhcpDaemon } from "./late-dhcp-daemon.ts";
export { openFirewalld } from "./firewalld.ts";
export type { Firewalld } from "./firewalld.ts";
export { openIptables } from "./iptables.ts";
export type { Iptables, IptablesChange, IptablesOptions } from "./iptables.ts";
export { openNftTool } from "./nft.ts";
export type { NftTool } from "./nft.ts";
export { PluginError, findExecutable, insideVariable, quoted, runExecutable } from "./executable.ts";
export type { ExecutableCall } from "./executable.ts";
