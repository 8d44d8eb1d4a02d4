import { watch } from "node:fs";
import { join } from "node:path";
import { configCheckOf } from "../../wasm/index.ts";
import type { Command, CommandInput, Outcome } from "./command.ts";
import { isForPeople } from "./errors.ts";
import { countText, memoryText, timeText } from "./figures.ts";
import type { ModuleFolder } from "./folder.ts";
import { readJson, readModuleFolder, shown } from "./folder.ts";
import { rangesOf, runRequest } from "./kit/case-run.ts";
import type { Case } from "./kit/case.ts";
import { differenceOf, parseCases, poolsOf } from "./kit/case.ts";
import { runKit } from "./kit/index.ts";
import type { Line } from "./kit/report.ts";
import { subjectAt } from "./subject.ts";

/** The share of the kit's random requests while an author waits for each change. */
const quickShare = 1 / 50;

export const testCommand: Command = {
  usage: "[FOLDER | FILE] [--watch] [--quick] [--seed N]",
  summary: "builds a folder and runs the conformance kit and its cases; a .wasm file is tried as it is",
  options: { watch: { type: "boolean" }, quick: { type: "boolean" }, seed: { type: "string" } },
  arguments: [0, 1],
  async run(input) {
    const [path = "."] = input.arguments;
    if (!input.options.flag("watch")) return await testOnce(path, input);
    await watching(path, input);
    return 0;
  },
};

async function testOnce(path: string, input: CommandInput): Promise<Outcome> {
  const { options, say } = input;
  const { subject, folder } = await subjectAt(path);
  const cases = folder === undefined ? [] : casesOf(folder);
  const seed = options.count("seed") ?? 1;
  const share = options.flag("quick") || options.flag("watch") ? quickShare : 1;
  const pools = cases.flatMap(([, one]) => (one.ranges === undefined ? [] : poolsOf(rangesOf(one))));
  const start = performance.now();
  let failures = 0, count = 0;
  say(`conformance kit (${subject.metadata.kind}, seed ${seed}${share < 1 ? ", quick" : ""})`);
  for await (const line of runKit(subject, { seed, share, pools })) {
    printLine(line, say);
    count++;
    if (line.failure !== undefined) failures++;
  }
  if (cases.length > 0) say("cases");
  const checkConfig = await configCheckOf(subject.name, subject.metadata.configSchema);
  for (const [where, one] of cases) {
    const { answer, call } = runRequest(subject, one, checkConfig);
    const failure = differenceOf(one.expect, answer);
    const title = `${where}: ${one.title}`;
    printLine(
      {
        title,
        tried: "",
        milliseconds: call?.milliseconds ?? 0,
        fuel: call?.fuel ?? 0,
        memoryBytes: call?.memoryBytes ?? 0,
        ...(failure === undefined ? {} : { failure }),
      },
      say,
    );
    count++;
    if (failure !== undefined) failures++;
  }
  say(`${count - failures} passed, ${failures} failed in ${timeText(performance.now() - start)}`);
  return failures === 0 ? 0 : 1;
}

function casesOf(folder: ModuleFolder): readonly (readonly [string, Case])[] {
  return folder.cases.flatMap((file) => {
    const where = shown(file);
    return parseCases(where, readJson(file, "expected a file of cases/")).map((one) => [where, one] as const);
  });
}

function printLine(
  { title, tried, milliseconds, fuel, memoryBytes, failure }: Line,
  say: (line: string) => void,
): void {
  const figures = [
    timeText(milliseconds),
    fuel === 0 ? "" : `fuel ${countText(fuel)}`,
    memoryBytes === 0 ? "" : memoryText(memoryBytes),
  ].filter((text) => text !== "");
  const verdict = failure === undefined ? "ok  " : "FAIL";
  say(`  ${verdict}  ${title.padEnd(72)}  ${tried.padEnd(16)}  ${figures.join(", ")}`.trimEnd());
  if (failure !== undefined) say(`        ${failure}`);
}

const settleMs = 60;

/** Tests again after every change of the sources, until it is interrupted. */
async function watching(path: string, input: CommandInput): Promise<never> {
  const folder = readModuleFolder(path);
  let changed = Promise.withResolvers<void>();
  const watcher = watch(folder.path, { recursive: true }, (_, name) => {
    if (name !== null && !/^(build|node_modules)\b/.test(name)) changed.resolve();
  });
  try {
    for (;;) {
      await testOnce(path, input).catch((error: unknown) => {
        if (!isForPeople(error)) throw error;
        input.say(error.message); // the author is in the middle of writing
      });
      input.say(
        `watching ${shown(join(folder.path, "assembly"))} and ${shown(join(folder.path, "cases"))}, ctrl-c ends`,
      );
      await changed.promise;
      // An editor writes a file in several steps.
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      changed = Promise.withResolvers<void>();
    }
  } finally {
    watcher.close();
  }
}
