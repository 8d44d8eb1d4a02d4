import type { Result } from "../cni/index.ts";
import { CniError, allVersions, code, knowsVerb, parseJson, parseResult, toWireResult } from "../cni/index.ts";
import { isJsonObject } from "../schema/index.ts";
import { quoted, runExecutable } from "../exec/index.ts";
import { leftoverOfNetns } from "../kernel/index.ts";
import type { GcRequest, Log, Plugin, PluginRequest, StepRequest } from "../plugins/index.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * An executable on CNI_PATH as a plugin like the built-in ones.
 *
 * Its ADD is undone by its DEL, also when it was the ADD that failed: nobody else knows what it had done by then. It
 * runs in the namespace of this process, as every plugin does.
 */
export function executedPlugin(type: string, file: string, surroundings: Surroundings): Plugin {
  const run = (
    command: string,
    request: PluginRequest,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<string> => {
    const { attachment, conf, prevResult } = request;
    const stdin = {
      ...conf,
      ...(prevResult === undefined ? {} : { prevResult: toWireResult(prevResult, conf.cniVersion) }),
      ...more,
    };
    return runExecutable({ file, type, command, ...attachment, stdin: JSON.stringify(stdin), ...surroundings });
  };
  /** For a verb that owes no result: whatever it prints is nobody's, as libcni has it, but an error is an error. */
  const runSilently = async (...call: Parameters<typeof run>): Promise<void> => {
    const stdout = await run(...call), [command] = call;
    if (isError(jsonIn(stdout))) throw unexpected(`the answer of plugin "${type}" to ${command}`, stdout, "nothing");
  };
  return {
    type,
    // It refuses by itself what it does not speak; asking first (VERSION) would double what it costs to run it.
    versions: allVersions,
    // The reference's asks its daemon as ours does.
    ...(type === "dhcp" ? { releasesOverLink: true } : {}),
    step: (request) => ({
      async add(prevResult, { undo }) {
        undo.add(`undo plugin "${type}"`, () => runSilently("DEL", { ...request, prevResult }));
        return readResult(await run("ADD", { ...request, prevResult }), type, request);
      },
    }),
    async del(request, { log }) { await runSilently("DEL", withoutLeftover(request, log)); },
    async check(request) { await runSilently("CHECK", request); },
    async status(request) {
      if (knowsVerb(request.conf.cniVersion, "STATUS")) await runSilently("STATUS", request);
    },
    async gc(request) { await runSilently("GC", request, attachmentsOf(request)); },
  };
}

/**
 * Where only the file is left that a namespace was mounted on there is no namespace any more, as DEL may say by an
 * empty CNI_NETNS; given the path, plugins try to enter it, fail, and never release an address.
 */
function withoutLeftover(request: PluginRequest, log: Log): PluginRequest {
  const { attachment } = request, { netns } = attachment;
  const leftover = netns === "" ? undefined : leftoverOfNetns(netns);
  if (leftover === undefined) return request;
  const { type } = request.conf;
  log.warn(`network namespace "${netns}" is gone: ${leftover} is there, which plugin "${type}" is not given`);
  return { ...request, attachment: { ...attachment, netns: "" } };
}

/**
 * What an ADD printed; a result without cniVersion is of the configuration's. Nothing at all is no result, nor is
 * anything but an object, nor an error: some plugins end well when they could not do their work.
 *
 * @throws CniError 112 for what is no result; 6 and 1 for one that is wrong, or of a version that nobody knows
 */
function readResult(stdout: string, type: string, { conf }: StepRequest): Result {
  const subject = `the result of plugin "${type}"`, json = jsonIn(stdout);
  if (!isJsonObject(json) || isError(json)) throw unexpected(subject, stdout, "a CNI result");
  const empty = json["cniVersion"] === "";
  try {
    return parseResult(empty ? { ...json, cniVersion: conf.cniVersion } : json, conf.cniVersion, subject);
  } catch (error) {
    if (error instanceof CniError) throw error;
    throw new CniError(code.executable, `Cannot read ${subject}: ${String(error)}`, { cause: error });
  }
}

/** undefined for what is no JSON. */
function jsonIn(text: string): unknown {
  try {
    return text.trim() === "" ? undefined : parseJson(text, "what it printed");
  } catch {
    return undefined;
  }
}

/** An error object of the CNI specification, whatever the status it came with; no result has either key. */
function isError(said: unknown): boolean {
  if (!isJsonObject(said)) return false;
  const { code: number = 0, msg } = said;
  return (typeof number === "number" && number !== 0) || typeof msg === "string";
}

function unexpected(subject: string, stdout: string, expected: string): CniError {
  const said = stdout.trim() === "" ? "nothing" : quoted(stdout.trim());
  return new CniError(
    code.executable,
    `Cannot read ${subject}: it ended with status 0 and printed ${said}, expected ${expected}`,
  );
}

/** Twice: readers older than the specification's name know the second. */
function attachmentsOf({ validAttachments }: GcRequest): Readonly<Record<string, unknown>> {
  return validAttachments === undefined
    ? {}
    : { "cni.dev/valid-attachments": validAttachments, "cni.dev/attachments": validAttachments };
}
