/** Programs we run: plugin executables found on CNI_PATH, and iptables when that backend is chosen. */
export { openIptables } from "./iptables.ts";
export type { Iptables, IptablesChange, IptablesOptions } from "./iptables.ts";
export { PluginError, findExecutable, insideVariable, runExecutable } from "./executable.ts";
export type { ExecutableCall } from "./executable.ts";
