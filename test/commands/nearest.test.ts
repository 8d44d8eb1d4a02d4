// src/commands/nearest.ts: the command that somebody may have meant.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { commandLine } from "../../src/commands/index.ts";
import { isGroup } from "../../src/commands/command.ts";
import { meantCommand } from "../../src/commands/nearest.ts";

const top = Object.keys(commandLine.rows);
const words = async (group: string): Promise<readonly string[]> => {
  const entry = await commandLine.rows[group]?.load();
  return entry !== undefined && isGroup(entry) ? Object.keys(entry.rows) : [];
};
const network = await words("network"), ipam = await words("ipam");

for (const [typed, known, meant] of [
  ["ls", top, "show"], ["list", top, "show"], ["ps", top, "show"], ["inspect", top, "show"],
  ["add", top, "attach"], ["connect", top, "attach"], ["del", top, "detach"], ["disconnect", top, "detach"],
  ["prune", top, "gc"], ["validate", top, "lint"], ["atach", top, "attach"], ["frobnicate", top, undefined],
  ["list", network, "ls"], ["remove", network, "rm"], ["describe", network, "inspect"],
  ["detach", network, "disconnect"], ["add", network, "connect"], ["new", network, "create"],
  ["list", ipam, "ls"], ["release", ipam, "free"],
] as const) {
  test(`"${typed}" among ${known.slice(0, 2).join(", ")} and others is taken for ${meant}`, () => {
    assert.is(meantCommand(typed, known), meant);
  });
}
test.run();
