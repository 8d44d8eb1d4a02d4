import { readLock } from "../../wasm/index.ts";
import { command } from "../command.ts";
import { jsonOption } from "../options.ts";
import { directoryOf, directoryOption } from "./directory.ts";

export const listCommand = command({
  parameters: {},
  options: { ...directoryOption, ...jsonOption },
  async run({ options, say, json, table }) {
    const directory = directoryOf(options);
    const lock = readLock(directory);
    if (options.json === true) {
      json(lock);
      return 0;
    }
    const entries = Object.entries(lock);
    if (entries.length === 0) say(`no modules in ${directory}`);
    const rows = entries.map(([name, { kind, version, sha256 }]) => [name, kind, version, sha256]);
    table({ columns: [{ title: "name" }, { title: "kind" }, { title: "version" }, { title: "sha256" }], rows });
    return 0;
  },
});
