/** Programs we run: plugin executables found on CNI_PATH, and iptables when that backend is chosen. */
export * from "./iptables.ts";
export * from "./executable.ts";
