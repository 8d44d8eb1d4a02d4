/** What this program is: its names, its version, where its files lie, its standard streams. */
export { moduleDirectory, sdkDirectory, templateDirectory, treeDirectory } from "./layout.ts";
export { multiplexerNames } from "./names.ts";
export { readStdin, writeAnswer, writeError, writeLine } from "./stdio.ts";
export { version } from "./version.ts";
