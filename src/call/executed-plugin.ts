import type { Result } from "../cni/index.ts";
import { CniError, allVersions, code, knowsVerb, parseJson, parseResult, toWireResult } from "../cni/index.ts";
import { runExecutable } from "../exec/index.ts";
import { isLeftoverOfNetns } from "../kernel/index.ts";
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
  return {
    type,
    // It refuses by itself what it does not speak; asking first (VERSION) would double what it costs to run it.
    versions: allVersions,
    // The reference's asks its daemon as ours does.
    ...(type === "dhcp" ? { releasesOverLink: true } : {}),
    step: (request) => ({
      async add(prevResult, { undo }) {
        undo.add(`undo plugin "${type}"`, async () => { await run("DEL", { ...request, prevResult }); });
        return readResult(await run("ADD", { ...request, prevResult }), type, request);
      },
    }),
    async del(request, { log }) { await run("DEL", withoutLeftover(request, log)); },
    async check(request) { await run("CHECK", request); },
    async status(request) {
      if (knowsVerb(request.conf.cniVersion, "STATUS")) await run("STATUS", request);
    },
    async gc(request) { await run("GC", request, attachmentsOf(request)); },
  };
}

/**
 * Where only the file is left that a namespace was mounted on there is no namespace any more, as DEL may say by an
 * empty CNI_NETNS; given the path, plugins try to enter it, fail, and never release an address.
 */
function withoutLeftover(request: PluginRequest, log: Log): PluginRequest {
  const { attachment } = request, { netns } = attachment;
  if (netns === "" || !isLeftoverOfNetns(netns)) return request;
  const { type } = request.conf;
  log.warn(`network namespace "${netns}" is gone: an ordinary file is there, which plugin "${type}" is not given`);
  return { ...request, attachment: { ...attachment, netns: "" } };
}

/**
 * What an ADD printed; a result without cniVersion is of the configuration's. Nothing at all is no result: some plugins
 * end well without a word when they could not do their work.
 */
function readResult(stdout: string, type: string, { conf }: StepRequest): Result {
  const subject = `the result of plugin "${type}"`;
  if (stdout.trim() === "")
    throw new CniError(
      code.executable,
      `Cannot read ${subject}: it ended with status 0 and printed nothing, expected a CNI result`,
    );
  const json = parseJson(stdout, subject);
  const empty = typeof json === "object" && json !== null && "cniVersion" in json && json.cniVersion === "";
  try {
    return parseResult(empty ? { ...json, cniVersion: conf.cniVersion } : json, conf.cniVersion, subject);
  } catch (error) {
    if (error instanceof CniError) throw error;
    throw new CniError(code.executable, `Cannot read ${subject}: ${String(error)}`, { cause: error });
  }
}

/** Twice: readers older than the specification's name know the second. */
function attachmentsOf({ validAttachments }: GcRequest): Readonly<Record<string, unknown>> {
  return validAttachments === undefined
    ? {}
    : { "cni.dev/valid-attachments": validAttachments, "cni.dev/attachments": validAttachments };
}
