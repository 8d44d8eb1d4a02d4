// The scripts in the shells they are for: typed into an interactive one, with the tab key.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builtDist } from "../../helpers/dist.ts";
import type { ShellOfTest } from "../../helpers/shells/typed.ts";
import { isInstalled, typedInto } from "../../helpers/shells/typed.ts";

const dist = builtDist();
const share = join(dist, "share");

const shells: readonly ShellOfTest[] = [
  { name: "bash", words: "bash --norc --noprofile -i", begin: `source ${share}/bash-completion/completions/polynic` },
  {
    name: "zsh", words: "zsh -f -i",
    begin: `fpath=(${share}/zsh/site-functions $fpath); PS1='ready> '; autoload -U compinit; compinit -u -D`,
  },
  {
    name: "fish", words: "fish --no-config -i",
    begin: `function fish_prompt; echo 'ready> '; end; source ${share}/fish/vendor_completions.d/polynic.fish`,
  },
];

/** What is typed, a tab at its end, and what polynic gets. */
const rows = [
  ["polynic modu", ["module"]],
  ["polynic module new --kind=ip", ["module", "new", "--kind=ipam"]],
  ["polynic network create -d ipv", ["network", "create", "-d", "ipvlan"]],
  ["polynic attach --st", ["attach", "--state-dir"]],
  ["polynic lint files/al", ["lint", "files/alpha"]],
  ["polynic lint 'files/al' files/be", ["lint", "files/al", "files/beta"]],
  ["polynic install --conf=files/al", ["install", "--conf=files/alpha"]],
] as const;

for (const shell of shells) {
  const it = suite(`completion in ${shell.name}`);
  const isThere = isInstalled(shell.name);
  if (!isThere) process.stderr.write(`\nSKIPPED completion in ${shell.name}: it is not installed\n`);
  (isThere ? it : it.skip)("completes commands, options, their values and files", async () => {
    const got = await typedInto(shell, rows.map(([line]) => line), `${dist}/bin/polynic`);
    assert.equal(got, rows.map(([, words]) => words.map((word) => `<${word}>`).join("")));
  });
  it.run();
}
