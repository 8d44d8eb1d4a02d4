import { removeModule } from "../../wasm/index.ts";
import { command } from "../command.ts";
import { CommandError } from "../errors.ts";
import { directoryOf, directoryOption } from "./directory.ts";
import { oneAtATime } from "./one-at-a-time.ts";

export const removeCommand = command({
  about: "Addresses it gave stay reserved until their DEL.",
  parameters: { name: { count: "one", help: "of an installed module" } },
  options: directoryOption,
  async run({ parameters: { name }, options, say }) {
    const directory = directoryOf(options);
    if (!(await removeModule({ directory, name, exclusively: oneAtATime() })))
      throw new CommandError(
        `Cannot remove module "${name}": it is not installed in ${directory}, polynic module list tells what is`,
      );
    say(`removed  ${name}`);
    return 0;
  },
});
