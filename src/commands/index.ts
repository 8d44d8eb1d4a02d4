/** What people type: one folder a command, each a script of its own, so that no runtime waits for it. */

const commands = {
  /** For people who write modules. */
  module: async (words: string[]) => await (await import("./module/index.ts")).runModuleCommand(words),
  /** For who writes networks and pods. */
  lint: async (words: string[]) => await (await import("./lint/index.ts")).runLint(words),
  /** For the nodes of a cluster. */
  install: async (words: string[]) => await (await import("./install/index.ts")).runNodeCommand("install", words),
  uninstall: async (words: string[]) => await (await import("./install/index.ts")).runNodeCommand("uninstall", words),
} as const;

export function isCommand(name: string | undefined): name is keyof typeof commands {
  return name !== undefined && Object.hasOwn(commands, name);
}

/** Runs a command with the words after its name; returns the exit status. */
export async function runCommand(name: keyof typeof commands, words: string[]): Promise<number> {
  return await commands[name](words);
}
