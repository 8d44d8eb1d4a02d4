import { verifyInstalled } from "../../wasm/index.ts";
import type { Command } from "./command.ts";
import { directoryOf, directoryOption } from "./directory.ts";

export const verifyCommand: Command = {
  usage: "[--dir DIRECTORY]",
  summary: "reads every installed module again and compares it with its pinned digest",
  options: directoryOption,
  arguments: [0, 0],
  async run(input) {
    const directory = directoryOf(input);
    const modules = await verifyInstalled(directory);
    if (modules.length === 0) input.say(`no modules in ${directory}`);
    for (const { name, problem } of modules)
      input.say(problem === undefined ? `ok    ${name}` : `FAIL  ${name}: ${problem.message} (code ${problem.code})`);
    return modules.some(({ problem }) => problem !== undefined) ? 1 : 0;
  },
};
