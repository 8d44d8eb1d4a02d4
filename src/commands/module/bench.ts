import { CommandError } from "../errors.ts";
import type { Command } from "./command.ts";
import { countText, memoryText } from "./figures.ts";
import { benchStates } from "./kit/bench.ts";
import { subjectAt } from "./subject.ts";

/** Calls of one state: the first is cold, the rest are for the median. */
const calls = 31;

export const benchCommand: Command = {
  usage: "[FOLDER | FILE]",
  summary: "fuel, memory and time of an ipam module at 0, 1,000 and 100,000 runs, dense and scattered",
  options: {},
  arguments: [0, 1],
  async run({ arguments: [path = "."], say }) {
    const { subject } = await subjectAt(path);
    if (subject.metadata.kind !== "ipam")
      throw new CommandError(
        `Cannot bench module "${subject.name}": it is of kind ${subject.metadata.kind}, expected ipam`,
      );
    say(
      `${"state".padEnd(36)} ${"fuel".padStart(12)} ${"memory".padStart(9)} ${"first ms".padStart(9)} ` +
        `${"median ms".padStart(9)}`,
    );
    for (const { title, ask } of benchStates(subject)) {
      const runs = Array.from({ length: calls }, ask);
      const [first] = runs;
      if (first?.call === undefined)
        throw new CommandError(
          `Cannot bench module "${subject.name}": it was not asked, ${JSON.stringify(first?.answer)}`,
        );
      const sorted = runs.map(({ call }) => call?.milliseconds ?? 0).sort((a, b) => a - b);
      const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
      const refused = first.answer["error"] === undefined ? "" : "  (refused)";
      say(
        `${title.padEnd(36)} ${countText(first.call.fuel).padStart(12)} ` +
          `${memoryText(first.call.memoryBytes).padStart(9)} ${first.call.milliseconds.toFixed(3).padStart(9)} ` +
          `${median.toFixed(3).padStart(9)}${refused}`,
      );
    }
    return 0;
  },
};
