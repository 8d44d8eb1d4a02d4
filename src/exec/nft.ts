import { CniError, code } from "../cni/index.ts";
import type { Ended, Environment } from "./tools.ts";
import { runTool, toolFinder } from "./tools.ts";

/** The nft tool, run as a child process in the namespace of this process, for what our own codec has no words for. */
export interface NftTool {
  /** The program is there; no process is started to find out. */
  present(): boolean;
  /**
   * Commands as `nft -f` reads them, one a line: one transaction, all of them or none.
   *
   * @throws CniError 7 when nft cannot read them, or what they name is not there; 110 when the kernel refuses them; 112
   *     when there is no nft, or it comes to no end
   */
  run(lines: readonly string[]): Promise<void>;
}

/** Nothing is looked for or started before it is needed. */
export function openNftTool({ env }: { readonly env: Environment }): NftTool {
  const locate = toolFinder(env);
  return {
    present: () => locate("nft") !== undefined,

    async run(lines) {
      const tool = { program: "nft", file: locate("nft"), supplier: "nftables" };
      for (let attempt = 1; ; attempt++) {
        const ended = await runTool(env, tool, ["-f", "-"], `${lines.join("\n")}\n`);
        if (ended.status === 0) return;
        if (attempt === attemptsMax || !isOvertaken(ended)) throw refusal(ended);
      }
    },
  };
}

/** How often the same commands are given again because another transaction came between nft's look and its own. */
const attemptsMax = 5;

/** EINTR or ERESTART, which nft itself tries again but not for ever. */
function isOvertaken({ stderr }: Ended): boolean {
  return /Interrupted system call/.test(stderr);
}

/** Its first complaint says what is wrong; the others and the lines below them are where. */
function refusal({ status, stderr }: Ended): CniError {
  const [, said = `it ended with status ${status}`] = /Error: (.+)/.exec(stderr) ?? [];
  const isKernels = said.startsWith("Could not process rule") || !stderr.includes("Error: ");
  return new CniError(isKernels ? code.kernel : code.invalidConfig, `Cannot change tables with nft: ${said}`);
}
