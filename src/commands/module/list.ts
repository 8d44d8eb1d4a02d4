import { readLock } from "../../wasm/index.ts";
import type { Command } from "./command.ts";
import { directoryOf, directoryOption } from "./directory.ts";

export const listCommand: Command = {
  usage: "[--dir DIRECTORY] [--json]",
  summary: "lists the installed modules",
  options: { ...directoryOption, json: { type: "boolean" } },
  arguments: [0, 0],
  async run(input) {
    const { options, say } = input;
    const directory = directoryOf(input);
    const lock = readLock(directory);
    if (options.flag("json")) {
      say(JSON.stringify(lock, null, 2));
      return 0;
    }
    const entries = Object.entries(lock);
    if (entries.length === 0) say(`no modules in ${directory}`);
    for (const [name, { kind, version, sha256 }] of entries)
      say(`${name.padEnd(24)} ${kind.padEnd(7)} ${version.padEnd(10)} ${sha256}`);
    return 0;
  },
};
