/**
 * `polynic install` and `polynic uninstall`: putting polynic on a node of a cluster, and taking it away again. A
 * runtime never comes here, and this folder is loaded only when a person or a DaemonSet asks for it.
 */
export { installCommand } from "./install.ts";
export { uninstallCommand } from "./uninstall.ts";
