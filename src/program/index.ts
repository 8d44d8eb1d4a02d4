/** What this program is: its names, its version, where its files lie, its standard streams. */
export { completionDirectory, moduleDirectory, sdkDirectory, templateDirectory, treeDirectory } from "./layout.ts";
export { multiplexerNames } from "./names.ts";
export { readNamedFile, readStdin, writeAnswer, writeError, writeLine, writeStdout } from "./stdio.ts";
export { aboutPolynic, version } from "./version.ts";
