import { removeModule } from "../../wasm/index.ts";
import { CommandError } from "../errors.ts";
import type { Command } from "./command.ts";
import { directoryOf, directoryOption } from "./directory.ts";
import { oneAtATime } from "./one-at-a-time.ts";

export const removeCommand: Command = {
  usage: "NAME [--dir DIRECTORY]",
  summary: "takes an installed module away; addresses it gave stay reserved until their DEL",
  options: directoryOption,
  arguments: [1, 1],
  async run(input) {
    const { arguments: [name = ""], say } = input;
    const directory = directoryOf(input);
    if (!removeModule({ directory, name, exclusively: oneAtATime() }))
      throw new CommandError(
        `Cannot remove module "${name}": it is not installed in ${directory}, polynic module list tells what is`,
      );
    say(`removed  ${name}`);
    return 0;
  },
};
