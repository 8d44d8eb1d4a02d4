/** `polynic version`: the first thing anybody who is to help asks for. */
import { allVersions, printAbout } from "../../cni/index.ts";
import { builtIn } from "../../plugins/index.ts";
import { aboutPolynic, version } from "../../program/index.ts";
import { command } from "../command.ts";
import { jsonOption } from "../options.ts";

export const versionCommand = command({
  parameters: {},
  options: jsonOption,
  async run({ options, say, json }) {
    const { arch, versions } = process;
    if (options.json === true) {
      json({ version, cniVersions: allVersions, plugins: [...builtIn.keys()], node: versions.node, arch });
      return 0;
    }
    say(printAbout(aboutPolynic, allVersions).trimEnd());
    say(`Built in: ${[...builtIn.keys()].join(", ")}`);
    say(`Runs on Node ${versions.node}, ${arch}`);
    return 0;
  },
});
