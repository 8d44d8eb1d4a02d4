import type { DhcpDaemon } from "./dhcp-daemon.ts";

/** The daemon at that socket; what speaks to it is loaded when it is first asked, as few networks need it. */
export function lateDhcpDaemon(path: string): DhcpDaemon {
  const open = async (): Promise<DhcpDaemon> => (await import("./dhcp-daemon.ts")).openDhcpDaemon(path);
  return {
    allocate: async (request) => await (await open()).allocate(request),
    release: async (request) => await (await open()).release(request),
    requireListening: async () => await (await open()).requireListening(),
  };
}
