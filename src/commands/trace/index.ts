/** `polynic trace`: attaches or detaches for real, and tells what that was made of. */
import type { Observer } from "../../call/index.ts";
import { attachOptions, attachTo } from "../attach/attachment.ts";
import { takeApart, toRequest } from "../attach/request.ts";
import { findTarget } from "../attach/target.ts";
import { command } from "../command.ts";
import { attachedByHand, detachAll, meantBy } from "../detach/attached.ts";
import { UsageError, requireRoot, toldError } from "../errors.ts";
import { confDirOption, confDirs, stateDirOption } from "../machine/directories.ts";
import { rememberedAttachments } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import { recordingObserver } from "../steps/handles.ts";
import type { Step } from "../steps/step.ts";
import { openRecorder } from "../steps/step.ts";
import { ruleLister } from "../steps/tools.ts";
import { totalsOf, traceTable, totalsTable } from "./report.ts";

export const traceCommand = command({
  about:
    "TARGET and NETWORK are those of polynic attach, and what is attached stays so: polynic detach takes it away, or " +
    "--del, which is traced in the same way. Each step stands with the time from its beginning to its end, and with " +
    "its own, which is that without the steps within it: requests to the kernel, what is only looked at, plugins, " +
    "programs, modules, reservations, and locks that were waited for. The rest is what is no such step: reading the " +
    "configuration, and files of state.",
  parameters: {
    target: { count: "one", help: "the container, as polynic attach takes it" },
    network: { count: "any", help: "what to attach it to, as polynic attach takes it" },
  },
  options: {
    del: { kind: "switch", help: "detach instead" },
    ...attachOptions, ...confDirOption, ...stateDirOption, ...jsonOption,
  },
  examples: [
    { line: "polynic trace web br0 192.168.1.7/24", help: "attach, with the time of each step" },
    { line: "polynic trace --del web", help: "take it away again" },
  ],
  async run({ parameters: { target, network: words }, options: given, environment, ...output }) {
    requireRoot("trace anything");
    const recorder = openRecorder(() => performance.now());
    const observer = recordingObserver({ recorder, listRules: ruleLister(environment) });
    const quiet = { ...output, say() {}, json() {}, environment, observer };
    const prepared = given.del === true
      ? await preparedDetach({ target, words, given }, quiet)
      : await preparedAttach({ target, words, given }, quiet);
    const start = recorder.elapsedMs();
    const problem = await prepared().then(() => undefined, (error: unknown) => ({ error }));
    const totalMs = recorder.elapsedMs() - start;
    report({ steps: recorder.steps, totalMs, problem: problem?.error, isJson: given.json === true }, output);
    return problem === undefined ? 0 : 1;
  },
});

interface Wanted {
  readonly target: string;
  readonly words: readonly string[];
  readonly given: Parameters<typeof rememberedAttachments>[0] & {
    readonly interface: string | undefined;
    readonly publish: readonly string[];
    readonly "state-dir": string | undefined;
    readonly "conf-dir": string | undefined;
  };
}

type Caller = Output & { readonly environment: ProcessEnvironment; readonly observer: Observer };

/** What is to be timed, with all that only finds out what was meant behind it. */
async function preparedAttach({ target: word, words, given }: Wanted, caller: Caller): Promise<() => Promise<unknown>> {
  if (words.length === 0)
    throw new UsageError(
      `Cannot trace ${word}: NETWORK is missing, expected polynic trace TARGET NETWORK..., or --del`,
    );
  const target = await findTarget(word, caller.environment);
  const known = rememberedAttachments(given, caller.environment)
    .filter(({ containerId, isByHand }) => isByHand && containerId === target.containerId);
  const requests = takeApart(words).map((one) => toRequest(one, confDirs(given)));
  return () => attachTo(target, requests, { ...given, known }, caller);
}

async function preparedDetach({ target, words, given }: Wanted, caller: Caller): Promise<() => Promise<unknown>> {
  const { known, netns } = await attachedByHand(target, given, caller.environment);
  const chosen = words.length === 0 ? known : words.flatMap((word) => meantBy(word, known, target));
  return () => detachAll(chosen, netns, { isJson: false, caller });
}

interface Traced {
  readonly steps: readonly Step[];
  readonly totalMs: number;
  readonly problem: unknown;
  readonly isJson: boolean;
}

function report({ steps, totalMs, problem, isJson }: Traced, output: Output): void {
  const totals = totalsOf(steps, totalMs);
  if (isJson) {
    output.json({ totalMs, totals, steps, ...(problem === undefined ? {} : { error: toldError(problem) }) });
    return;
  }
  output.table(traceTable(steps, totalMs));
  output.say("");
  output.table(totalsTable(totals));
  if (problem !== undefined) output.warn(`polynic trace: ${toldError(problem)}`);
}
