/**
 * The multiplexer's names; the first is the executable itself, the others are links to it. Invoked under a plugin's
 * name (`standAloneTypes`) it is that plugin. `npm run build` makes one link in dist/bin for each.
 */
export const multiplexerNames = ["polynic", "multus"] as const;
