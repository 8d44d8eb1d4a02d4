/**
 * The names this executable answers to. Invoked under a plugin's name it is that plugin, under a multiplexer's the
 * multiplexer. `npm run build` makes one link in dist/bin for each.
 */

/** The multiplexer's names; the first is the executable itself, the others are links to it. */
export const multiplexerNames = ["polynic", "multus"] as const;

/** Plugins that are also reachable stand-alone, under the names of the reference plugins. */
export const pluginNames = ["bridge", "macvlan", "host-device", "portmap", "loopback", "host-local", "static"] as const;
