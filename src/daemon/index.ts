/**
 * The daemon: serves what shims hand to it over a unix socket, with everything kept warm. docs/daemon.md says what may
 * be relied on.
 */
export { Daemon } from "./daemon.ts";
export type { DaemonOptions } from "./daemon.ts";
export type { CollectRequest } from "./cluster/collecting.ts";
export type { NodeConf } from "./cluster/hot-plug.ts";
export type { WatchSettings } from "./cluster/watch.ts";
export { runDhcpDaemon } from "./dhcp/run.ts";
export { defaultLimits } from "./limits.ts";
export type { Limits } from "./limits.ts";
export { removeReach } from "./reach/index.ts";
export type { ReachRequest } from "./reach/index.ts";
export { runDaemon } from "./run.ts";
