/** `polynic show`: the node in a picture. */
import { writeFileSync } from "node:fs";
import { isatty } from "node:tty";
import { command } from "../command.ts";
import { UsageError, requireRoot } from "../errors.ts";
import { findTarget } from "../attach/target.ts";
import { confDirOption, stateDirOption } from "../machine/directories.ts";
import { isMeant } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import type { OptionTable, OptionValues } from "../options.ts";
import type { ProcessEnvironment } from "../output.ts";
import { htmlOf } from "./drawing/html.ts";
import { svgOf } from "./drawing/svg.ts";
import type { NodeFacts } from "./facts.ts";
import type { Present } from "./gather/index.ts";
import { allRemembered, gather } from "./gather/index.ts";
import { ruleFacts } from "./gather/rules.ts";
import type { NodeModel } from "./model.ts";
import { modelOf } from "./model.ts";
import { treeLines } from "./tree.ts";
import type { Watched } from "./watch.ts";
import { watch } from "./watch.ts";

const options = {
  svg: { kind: "text", value: "FILE", completes: "file", help: "write a picture to a file; -: to stdout" },
  html: {
    kind: "text", value: "FILE", completes: "file",
    help: "write a page with the picture and all details; -: to stdout",
  },
  watch: { kind: "switch", short: "w", help: "look again every second until Ctrl-C, and show what has changed" },
  ...confDirOption, ...stateDirOption, ...jsonOption,
} as const satisfies OptionTable;

export const showCommand = command({
  about:
    "Shows containers with their interfaces, the links of this machine that they hang on, addresses and where each " +
    "came from, mapped ports and firewall rules. What was attached is read from what polynic and container runtimes " +
    "remember, what is there is asked of the kernel.\n\n" +
    "TARGET is a container by any name that polynic attach understands, whoever has attached it.",
  parameters: { target: { count: "optional", help: "one container; default: all that are attached" } },
  options,
  examples: [
    { line: "polynic show", help: "the whole node" },
    { line: "polynic show shop/web-0", help: "one pod and what it hangs on" },
    { line: "polynic show --html node.html", help: "a page for the browser, which loads nothing" },
    { line: "polynic show --watch | tee changes", help: "a line for each change, with its time" },
  ],
  async run({ parameters: { target }, options: given, environment, say, json, style, columns }) {
    requireRoot("look into containers");
    const wanted = { target, given, environment };
    if (given.watch === true) {
      refuseFiles(given);
      await watch(lookingAt(wanted), { say, style, columns });
      return 0;
    }
    refuseTogether(given);
    const model = await currentModel(wanted);
    const write = (file: string, text: string): void => {
      if (file === "-") say(text.trimEnd());
      else writeFileSync(file, text);
    };
    if (given.svg !== undefined) write(given.svg, svgOf(model));
    if (given.html !== undefined) write(given.html, htmlOf(model, { when: new Date().toUTCString() }));
    if (given.json === true) json(model);
    else if (given.svg !== undefined || given.html !== undefined) return 0;
    else for (const line of treeLines(model, { style, columns })) say(line);
    return 0;
  },
});

interface Wanted {
  readonly target: string | undefined;
  readonly given: OptionValues<typeof options>;
  readonly environment: ProcessEnvironment;
  /** Absent: as they are now. */
  readonly rules?: NodeFacts["rules"] | undefined;
}

function refuseFiles({ svg, html, json }: Wanted["given"]): void {
  const other = svg !== undefined ? "--svg" : html !== undefined ? "--html" : json === true ? "--json" : undefined;
  if (other !== undefined)
    throw new UsageError(`Cannot use ${other} with --watch: it has one answer, expected one of the two`);
}

/** Who reads stdout gets one document. */
function refuseTogether({ svg, html, json }: Wanted["given"]): void {
  const asked = [svg === "-" ? "--svg -" : "", html === "-" ? "--html -" : "", json === true ? "--json" : ""]
    .filter((one) => one !== "");
  if (asked.length > 1)
    throw new UsageError(`Cannot use ${asked.join(" with ")}: stdout has one answer, expected one of them`);
}

const lookMs = 1_000;
/** Rules are told by programs; they change with what else there is, or are looked at once in so many times. */
const ruleLooks = 10;

function lookingAt(wanted: Wanted): Watched {
  const { promise: interrupted, resolve } = Promise.withResolvers<false>();
  const stop = (): void => resolve(false);
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const isTerminal = isatty(1);
  let rules: NodeFacts["rules"] | undefined, looks = 0;
  return {
    isTerminal,
    rows: isTerminal ? process.stdout.rows : 0,
    now: () => new Date(),
    async look() {
      if (looks++ % ruleLooks === 0) rules = await ruleFacts(wanted.environment);
      return await currentModel({ ...wanted, rules });
    },
    async wait() {
      const { promise, resolve: goOn } = Promise.withResolvers<true>();
      const timer = setTimeout(goOn, lookMs, true);
      return await Promise.race([promise, interrupted]).finally(() => clearTimeout(timer));
    },
  };
}

/** @throws CommandError for a target that is nowhere */
async function currentModel({ target, given, environment, rules }: Wanted): Promise<NodeModel> {
  const all = allRemembered(given, environment);
  const known = rules ?? await ruleFacts(environment);
  if (target === undefined) return modelOf({ ...gather(all, []), rules: known });
  const meant = all.filter((one) => isMeant(one, target));
  const others: readonly Present[] = meant.length > 0 ? [] : [await findTarget(target, environment)];
  const only = new Set([...meant, ...others].map(({ containerId }) => containerId));
  return modelOf({ ...gather(all, others), rules: known }, only);
}
