import { verifyInstalled } from "../../wasm/index.ts";
import { command } from "../command.ts";
import { jsonOption } from "../options.ts";
import { directoryOf, directoryOption } from "./directory.ts";

export const verifyCommand = command({
  parameters: {},
  options: { ...directoryOption, ...jsonOption },
  statuses: { 1: "one of them would be refused" },
  async run({ options, say, json }) {
    const directory = directoryOf(options);
    const modules = await verifyInstalled(directory);
    if (options.json === true)
      json(modules.map(({ name, problem }) => ({ name, problem: problem?.message, code: problem?.code })));
    else if (modules.length === 0) say(`no modules in ${directory}`);
    for (const { name, problem } of options.json === true ? [] : modules)
      say(problem === undefined ? `ok    ${name}` : `FAIL  ${name}: ${problem.message} (code ${problem.code})`);
    return modules.some(({ problem }) => problem !== undefined) ? 1 : 0;
  },
});
