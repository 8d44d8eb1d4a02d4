import { command } from "../command.ts";
import { CommandError } from "../errors.ts";
import { jsonOption } from "../options.ts";
import { countText, memoryText } from "./figures.ts";
import { benchStates } from "./kit/bench.ts";
import { subjectAt } from "./subject.ts";

/** Calls of one state: the first is cold, the rest are for the median. */
const calls = 31;

export const benchCommand = command({
  about: "At 0, 1,000 and 100,000 runs of taken addresses, dense and scattered.",
  parameters: {
    path: {
      count: "optional",
      value: "FOLDER|FILE",
      help: "a module's folder, which is built first, or a .wasm file; default: this folder",
      completes: "file",
    },
  },
  options: jsonOption,
  async run({ parameters: { path = "." }, options, json, table }) {
    const { subject } = await subjectAt(path);
    if (subject.metadata.kind !== "ipam")
      throw new CommandError(
        `Cannot bench module "${subject.name}": it is of kind ${subject.metadata.kind}, expected ipam`,
      );
    const measured = benchStates(subject).map((state) => measure(subject.name, state));
    if (options.json === true) json(measured);
    else table({ columns, rows: measured.map(rowOf) });
    return 0;
  },
});

interface Measured {
  readonly state: string;
  readonly fuel: number;
  readonly memoryBytes: number;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly refused: boolean;
}

function measure(name: string, { title, ask }: ReturnType<typeof benchStates>[number]): Measured {
  const runs = Array.from({ length: calls }, ask);
  const [first] = runs;
  if (first?.call === undefined)
    throw new CommandError(`Cannot bench module "${name}": it was not asked, ${JSON.stringify(first?.answer)}`);
  const sorted = runs.map(({ call }) => call?.milliseconds ?? 0).sort((a, b) => a - b);
  const { fuel, memoryBytes, milliseconds: firstMs } = first.call;
  const medianMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return { state: title, fuel, memoryBytes, firstMs, medianMs, refused: first.answer["error"] !== undefined };
}

const columns = [
  { title: "state" },
  { title: "fuel", isRight: true },
  { title: "memory", isRight: true },
  { title: "first ms", isRight: true },
  { title: "median ms", isRight: true },
  { title: "" },
] as const;

function rowOf({ state, fuel, memoryBytes, firstMs, medianMs, refused }: Measured): readonly string[] {
  const times = [firstMs, medianMs].map((time) => time.toFixed(3));
  return [state, countText(fuel), memoryText(memoryBytes), ...times, refused ? "refused" : " "];
}
