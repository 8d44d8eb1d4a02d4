/** `polynic completion`: scripts for the shells, and the words that these ask for. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { completionDirectory } from "../../program/index.ts";
import type { CommandGroup, CommandRow } from "../command.ts";
import { command } from "../command.ts";
import { candidates } from "./candidates.ts";

export const completionCommands: CommandGroup = {
  about:
    "The scripts know no command: they ask polynic completion words, and so complete what the polynic that is typed " +
    "understands, with the names of this machine's networks and containers.",
  rows: {
    bash: script("bash", "bash-completion/completions/polynic", "source <(polynic completion bash)"),
    zsh: script("zsh", "zsh/site-functions/_polynic", "source <(polynic completion zsh)"),
    fish: script("fish", "fish/vendor_completions.d/polynic.fish", "polynic completion fish | source"),
    words: {
      summary: "lists what may stand for the last of some words, for the scripts",
      load: async () => wordsCommand,
    },
  },
};

function script(shell: string, file: string, line: string): CommandRow {
  return {
    summary: `prints the script for ${shell}`,
    load: async () => command({
      parameters: {}, options: {},
      examples: [{ line, help: `for this ${shell}; in its start-up file for all` }],
      async run({ say }) {
        say(readFileSync(join(completionDirectory, file), "utf8").trimEnd());
        return 0;
      },
    }),
  };
}

const wordsCommand = command({
  about:
    "A line is a word, a tab and what it means; a line with nothing before the tab stands for the shell's own files " +
    "or directories. The shell chooses those that begin with the last word.",
  parameters: { word: { count: "some", help: "what is typed behind polynic; the last one may be empty, or begun" } },
  options: {},
  examples: [{ line: 'polynic completion words -- module new --kind ""', help: "kinds of modules" }],
  async run({ parameters: { word }, commandLine, environment, say }) {
    for (const { text, help } of await candidates(commandLine, word, environment)) say(`${text}\t${help}`);
    return 0;
  },
});
