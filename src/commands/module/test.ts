import { watch } from "node:fs";
import { join } from "node:path";
import { configCheckOf } from "../../wasm/index.ts";
import type { Input, Status } from "../command.ts";
import { command } from "../command.ts";
import { UsageError, isForPeople, toldError } from "../errors.ts";
import type { OptionTable } from "../options.ts";
import { jsonOption } from "../options.ts";
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

const options = {
  watch: { kind: "switch", help: "again after every change of the folder, quickly, until it is interrupted" },
  quick: { kind: "switch", help: "a fiftieth of the random requests" },
  seed: { kind: "count", help: "what the random requests are made from; default: 1" },
  ...jsonOption,
} as const satisfies OptionTable;

const parameters = {
  path: {
    count: "optional",
    value: "FOLDER|FILE",
    help: "a module's folder, which is built first, or a .wasm file; default: this folder",
    completes: "file",
  },
} as const;

type TestInput = Input<typeof parameters, typeof options>;

export const testCommand = command({
  about: "A .wasm file is tried as it is, without cases.",
  parameters, options,
  statuses: { 0: "all passed", 1: "one failed, or it cannot be built" },
  async run(input) {
    const { parameters: { path = "." }, options } = input;
    if (options.watch !== true) return await testOnce(path, input);
    if (options.json === true)
      throw new UsageError("Cannot use --json with --watch: one document has an end, expected one of them");
    await watching(path, input);
    return 0;
  },
});

async function testOnce(path: string, input: TestInput): Promise<Status> {
  const { options, json } = input;
  const lines: Line[] = [], start = performance.now();
  const say = options.json === true ? () => {} : input.say;
  for await (const line of linesOf(path, input, say)) {
    printLine(line, say);
    lines.push(line);
  }
  const failures = lines.filter(({ failure }) => failure !== undefined).length;
  if (options.json === true) json({ passed: lines.length - failures, failed: failures, lines });
  say(`${lines.length - failures} passed, ${failures} failed in ${timeText(performance.now() - start)}`);
  return failures === 0 ? 0 : 1;
}

/** What was tried, as it is tried: the kit first, then the folder's cases. */
async function* linesOf(path: string, { options }: TestInput, say: (line: string) => void): AsyncGenerator<Line> {
  const { subject, folder } = await subjectAt(path);
  const cases = folder === undefined ? [] : casesOf(folder);
  const { seed = 1, quick = false, watch = false } = options;
  const share = quick || watch ? quickShare : 1;
  const pools = cases.flatMap(([, one]) => (one.ranges === undefined ? [] : poolsOf(rangesOf(one))));
  say(`conformance kit (${subject.metadata.kind}, seed ${seed}${share < 1 ? ", quick" : ""})`);
  yield* runKit(subject, { seed, share, pools });
  if (cases.length > 0) say("cases");
  const checkConfig = await configCheckOf(subject.name, subject.metadata.configSchema);
  for (const [where, one] of cases) {
    const { answer, call } = runRequest(subject, one, checkConfig);
    const failure = differenceOf(one.expect, answer);
    yield {
      title: `${where}: ${one.title}`,
      tried: "",
      milliseconds: call?.milliseconds ?? 0,
      fuel: call?.fuel ?? 0,
      memoryBytes: call?.memoryBytes ?? 0,
      ...(failure === undefined ? {} : { failure }),
    };
  }
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
  const outcome = failure === undefined ? "ok  " : "FAIL";
  say(`  ${outcome}  ${title.padEnd(72)}  ${tried.padEnd(16)}  ${figures.join(", ")}`.trimEnd());
  if (failure !== undefined) say(`        ${failure}`);
}

const settleMs = 60;

/** Tests again after every change of the sources, until it is interrupted. */
async function watching(path: string, input: TestInput): Promise<never> {
  const folder = readModuleFolder(path);
  let changed = Promise.withResolvers<void>();
  const watcher = watch(folder.path, { recursive: true }, (_, name) => {
    if (name !== null && !/^(build|node_modules)\b/.test(name)) changed.resolve();
  });
  try {
    for (;;) {
      await testOnce(path, input).catch((error: unknown) => {
        if (!isForPeople(error)) throw error;
        input.say(toldError(error)); // the author is in the middle of writing
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
