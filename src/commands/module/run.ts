import { CniError } from "../../cni/index.ts";
import { configCheckOf, op, readAnswer, tryModule } from "../../wasm/index.ts";
import { command } from "../command.ts";
import { UsageError } from "../errors.ts";
import type { OptionTable, OptionValues } from "../options.ts";
import { jsonOption } from "../options.ts";
import { countText, memoryText, timeText } from "./figures.ts";
import { readJson } from "./folder.ts";
import { caseFigures, runRequest } from "./kit/case-run.ts";
import type { CaseRequest } from "./kit/case.ts";
import { parseRequest } from "./kit/case.ts";
import type { Subject } from "./kit/subject.ts";
import { readBoundedFile } from "./module-file.ts";
import { subjectAt } from "./subject.ts";

const hint = "expected a JSON file";

const options = {
  config: { kind: "text", value: "FILE", help: "a network's configuration: its ipam is what the module gets" },
  state: { kind: "text", value: "FILE", help: "what is taken, as a case of cases/ has it" },
  pod: { kind: "text", value: "NAMESPACE/NAME", help: "whose container it is" },
  node: { kind: "text", value: "NAME[:INDEX]", help: "where it is" },
  mac: { kind: "text", help: "the interface's address" },
  request: { kind: "texts", value: "ADDRESS", help: "an address that is asked for; may be repeated" },
  op: { kind: "text", help: "what is asked; default: the module's first" },
  frame: { kind: "text", value: "FILE", help: "a recorded request, sent as it is" },
  container: { kind: "text", value: "ID", help: "the container's id" },
  interface: { kind: "text", value: "NAME", help: "the interface's name" },
  ...jsonOption,
} as const satisfies OptionTable;

type Options = OptionValues<typeof options>;

export const runCommand = command({
  about: "An option wins over the same key in a file.",
  parameters: {
    path: {
      count: "optional",
      value: "FOLDER|FILE",
      help: "a module's folder, which is built first, or a .wasm file; default: this folder",
      completes: "file",
    },
  },
  options,
  statuses: { 1: "the module answered with an error" },
  async run({ parameters: { path = "." }, options, say, json }) {
    const { subject } = await subjectAt(path);
    const { frame } = options;
    const {
      answer,
      log = [],
      call,
    } = frame === undefined
      ? await ask(subject, options)
      : replay(subject, readBoundedFile(frame, frameLimitBytes, "a recorded request"), options);
    const { log: _, ...rest } = answer;
    const status = rest["error"] === undefined ? 0 : 1;
    if (options.json === true) {
      json({ answer: rest, log, call });
      return status;
    }
    say(JSON.stringify(rest, null, 2));
    for (const line of log) say(`log     ${line}`);
    const { fuel, memoryPages } = subject.compiled.limits;
    if (call !== undefined)
      say(
        `fuel    ${countText(call.fuel)} of ${countText(fuel)}\nmemory  ${memoryText(call.memoryBytes)} of ` +
          `${memoryText(memoryPages * pageBytes)}\ntime    ${timeText(call.milliseconds)}`,
      );
    return status;
  },
});

/** What a host sends at most. */
const frameLimitBytes = 8 * 1024 * 1024;
const pageBytes = 65_536;

async function ask(subject: Subject, options: Options): Promise<ReturnType<typeof runRequest>> {
  return runRequest(subject, requestOf(options), await configCheckOf(subject.name, subject.metadata.configSchema));
}

/** The files and options together; an option wins over the same key in a file. */
function requestOf(options: Options): CaseRequest {
  const { config, state, pod, mac, node, op: number, container: containerId, interface: ifName } = options;
  const fromConfig = config === undefined ? {} : parseRequest(config, fromNetwork(readJson(config, hint)));
  const fromState = state === undefined ? {} : parseRequest(state, readJson(state, hint));
  const { request: requested } = options;
  return parseRequest("the options", {
    ...fromConfig, ...fromState,
    ...(pod === undefined ? {} : { pod }),
    ...(node === undefined ? {} : { node: nodeOf(node) }),
    ...(number === undefined ? {} : { op: number }),
    ...(requested.length === 0 ? {} : { requested }),
    attachment: {
      ...fromConfig.attachment,
      ...fromState.attachment,
      ...(mac === undefined ? {} : { mac }),
      ...(containerId === undefined ? {} : { containerId }),
      ...(ifName === undefined ? {} : { ifName }),
    },
  });
}

/** A network's configuration has what is wanted under `ipam`; a file of its own has it at the top. */
function fromNetwork(value: unknown): unknown {
  // What is no object, parseRequest refuses.
  const { ipam, plugins } = (value ?? {}) as {
    readonly ipam?: { readonly ranges?: unknown; readonly config?: unknown };
    readonly plugins?: readonly { readonly ipam?: unknown }[];
  };
  const found = ipam ?? (plugins?.find((plugin) => plugin.ipam !== undefined)?.ipam as typeof ipam);
  if (found === undefined) return value;
  const { ranges, config } = found;
  return { ...(ranges === undefined ? {} : { ranges }), ...(config === undefined ? {} : { config }) };
}

function nodeOf(text: string): { readonly name: string; readonly index?: number } {
  const [name = "", index] = text.split(":");
  if (index !== undefined && !/^\d{1,9}$/.test(index))
    throw new UsageError(`Cannot use --node ${text}: expected NAME or NAME:INDEX with a whole number`);
  return { name, ...(index === undefined ? {} : { index: Number(index) }) };
}

/**
 * A recorded request, byte by byte; which op it is it says itself. What the host would refuse of the answer is not
 * looked at.
 */
function replay(
  { name, compiled, metadata }: Subject,
  frame: Uint8Array,
  options: Options,
): ReturnType<typeof runRequest> {
  const wanted = options.op ?? opOf(frame) ?? metadata.ops[0] ?? "";
  const number = Object.entries(op).find(([known]) => known === wanted)?.[1];
  if (number === undefined) throw new UsageError(`Cannot use --op ${wanted}: expected ${Object.keys(op).join(", ")}`);
  const log: string[] = [];
  const outcome = tryModule(compiled, number, frame);
  const call = caseFigures(outcome);
  try {
    if ("error" in outcome) throw outcome.error;
    return { answer: readAnswer(name, outcome.text, (line) => log.push(line)), log, call };
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    return { answer: { error: { code: error.code, msg: error.message } }, log, call };
  }
}

const headerBytes = 16, rangeBytes = 80;

/** The op in a frame's JSON; undefined for bytes that are none. */
function opOf(frame: Uint8Array): string | undefined {
  if (frame.length < headerBytes) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const at = headerBytes + view.getUint16(6, true) * rangeBytes;
  const [, found] = /^\{"op":"([a-z]+)"/.exec(new TextDecoder().decode(frame.subarray(at, at + 64))) ?? [];
  return found;
}
