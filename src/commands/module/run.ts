import { CniError } from "../../cni/index.ts";
import { configCheckOf, op, readAnswer, tryModule } from "../../wasm/index.ts";
import { UsageError } from "../errors.ts";
import type { Command, Options } from "./command.ts";
import { countText, memoryText, timeText } from "./figures.ts";
import { readJson } from "./folder.ts";
import { caseFigures, runRequest } from "./kit/case-run.ts";
import type { CaseRequest } from "./kit/case.ts";
import { parseRequest } from "./kit/case.ts";
import type { Subject } from "./kit/subject.ts";
import { readBoundedFile } from "./module-file.ts";
import { subjectAt } from "./subject.ts";

const hint = "expected a JSON file";

export const runCommand: Command = {
  usage:
    "[FOLDER | FILE] [--config F] [--state F] [--pod NS/NAME] [--node NAME[:INDEX]] [--mac MAC] [--request ADDRESS] " +
      "[--op OP] [--frame F]",
  summary: "asks a module one request and prints its answer, log, fuel, memory and time",
  options: {
    config: { type: "string" },
    state: { type: "string" },
    pod: { type: "string" },
    node: { type: "string" },
    mac: { type: "string" },
    request: { type: "string", multiple: true },
    op: { type: "string" },
    frame: { type: "string" },
    container: { type: "string" },
    interface: { type: "string" },
  },
  arguments: [0, 1],
  async run({ arguments: [path = "."], options, say }) {
    const { subject } = await subjectAt(path);
    const frame = options.text("frame");
    const {
      answer,
      log = [],
      call,
    } = frame === undefined
      ? await ask(subject, options)
      : replay(subject, readBoundedFile(frame, frameLimitBytes, "a recorded request"), options);
    const { log: _, ...rest } = answer;
    say(JSON.stringify(rest, null, 2));
    for (const line of log) say(`log     ${line}`);
    const { fuel, memoryPages } = subject.compiled.limits;
    if (call !== undefined)
      say(
        `fuel    ${countText(call.fuel)} of ${countText(fuel)}\nmemory  ${memoryText(call.memoryBytes)} of ` +
          `${memoryText(memoryPages * pageBytes)}\ntime    ${timeText(call.milliseconds)}`,
      );
    return rest["error"] === undefined ? 0 : 1;
  },
};

/** What a host sends at most. */
const frameLimitBytes = 8 * 1024 * 1024;
const pageBytes = 65_536;

async function ask(subject: Subject, options: Options): Promise<ReturnType<typeof runRequest>> {
  return runRequest(subject, requestOf(options), await configCheckOf(subject.name, subject.metadata.configSchema));
}

/** The files and options together; an option wins over the same key in a file. */
function requestOf(options: Options): CaseRequest {
  const config = options.text("config"), state = options.text("state");
  const fromConfig = config === undefined ? {} : parseRequest(config, fromNetwork(readJson(config, hint)));
  const fromState = state === undefined ? {} : parseRequest(state, readJson(state, hint));
  const [pod, mac, node, number] = [options.text("pod"), options.text("mac"), options.text("node"), options.text("op")];
  const requested = options.texts("request");
  const containerId = options.text("container"), ifName = options.text("interface");
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
  const wanted = options.text("op") ?? opOf(frame) ?? metadata.ops[0] ?? "";
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
