/** Where this machine has configurations, plugins and state: what people do not have to type. */
import { delimiter } from "node:path";
import { nodeFiles } from "../install/node/files.ts";
import { distributionOf } from "../install/node/distribution.ts";
import type { Runtime } from "../install/node/runtimes.ts";
import { runtimesOn } from "../install/node/runtimes.ts";
import type { OptionTable } from "../options.ts";
import type { ProcessEnvironment } from "../output.ts";

/** Where the multiplexer keeps what it remembers of containers, unless a configuration says otherwise. */
export const usualStateDirectory = "/var/lib/cni/multus";

/** Commands about configurations of the machine have it. */
export const confDirOption = {
  "conf-dir": {
    kind: "text",
    value: "DIRECTORY",
    help: "where configurations are; default: where the machine's container runtimes look",
  },
} as const satisfies OptionTable;

/** Commands about attached containers have it. */
export const stateDirOption = {
  "state-dir": {
    kind: "text",
    value: "DIRECTORY",
    help: `where attachments are remembered (cniDir); default: ${usualStateDirectory}, and where configurations say`,
  },
} as const satisfies OptionTable;

export interface ConfDirOptions {
  readonly "conf-dir": string | undefined;
}

/** The directories of configurations, each once: the one that was named, or the runtimes'. */
export function confDirs({ "conf-dir": named }: ConfDirOptions): readonly string[] {
  if (named !== undefined) return [named];
  return [...new Set([distributionOf("auto", "/", nodeFiles), ...runtimes()].map(({ confDir }) => trimmed(confDir)))];
}

/** Where executables are looked for: CNI_PATH, or where the runtimes do. */
export function pluginPath({ CNI_PATH: given = "" }: ProcessEnvironment): readonly string[] {
  if (given !== "") return given.split(delimiter).filter((directory) => directory !== "");
  const { binDir } = distributionOf("auto", "/", nodeFiles);
  return [...new Set([binDir, ...runtimes().flatMap(({ binDirs }) => binDirs)].map(trimmed))];
}

export function runtimes(): readonly Runtime[] {
  return runtimesOn("/", nodeFiles);
}

function trimmed(directory: string): string {
  return directory.replace(/(?<=.)\/+$/, "");
}
