import type { FailedStep, OpenHandles, Surroundings, Warm } from "../call/index.ts";
import {
  handlesWith,
  joinErrors,
  openHandles,
  openLog,
  problemOf,
  teardownGroup,
  toCniError,
  undoSteps,
  withUndoProblems,
} from "../call/index.ts";
import type { Result } from "../cni/index.ts";
import { prevResultOf, printResult } from "../cni/index.ts";
import type { Log, Plugin, PluginRequest } from "../plugins/index.ts";
import { moduleDirectory } from "../program/index.ts";
import type { Call } from "./call.ts";
import { attachmentOf } from "./call.ts";

/** Serves one call of one plugin, as its executable of the same name would; returns what goes to stdout. */
export async function runPlugin(
  plugin: Plugin,
  call: Call,
  surroundings: Surroundings,
  warm?: Warm,
): Promise<string> {
  const { environment, input } = call;
  const log = openLog({ toStderr: true, file: "", level: "error", rotation: {} }, surroundings.tell);
  const handles = openHandles({
    netns: environment.netns,
    path: environment.path,
    execute: [],
    modules: moduleDirectory,
    log,
    surroundings,
    warm,
  });
  try {
    return await serve(
      plugin,
      call,
      { attachment: attachmentOf(environment), conf: input.conf, prevResult: prevResult(call, log), trusted: true },
      handles,
    );
  } finally {
    handles.close();
  }
}

async function serve(
  plugin: Plugin,
  { command, input }: Call,
  request: PluginRequest,
  handles: OpenHandles,
): Promise<string> {
  switch (command) {
    case "ADD": return await add(plugin, request, handles);
    case "DEL": await del(plugin, request, handles); break;
    case "CHECK": await plugin.check(request, handles); break;
    case "STATUS": await plugin.status(request, handlesWith(handles, { withoutEffect: () => {} })); break;
    case "GC": await plugin.gc({ ...request, validAttachments: input.validAttachments }, handles); break;
    case "VERSION": break;
  }
  return "";
}

async function add(plugin: Plugin, request: PluginRequest, handles: OpenHandles): Promise<string> {
  const undo = undoSteps();
  const withoutEffect = (problem: string): void => handles.log.warn(problem);
  try {
    const step = await plugin.step(request, handles);
    const result = await step.add(request.prevResult, handlesWith(handles, { undo, withoutEffect }));
    // Inside, since a result that the version cannot hold leaves nothing behind either.
    return printResult(result, request.conf.cniVersion);
  } catch (error) {
    throw withUndoProblems(error, (await undo.run()).map(problemOf));
  }
}

async function del(plugin: Plugin, request: PluginRequest, handles: OpenHandles): Promise<void> {
  const failures: FailedStep[] = [];
  const group = teardownGroup();
  try {
    await plugin.del(request, handlesWith(handles, { teardown: group.for(failures) }));
  } catch (error) {
    failures.push({ what: "delete", error });
  }
  await group.finish();
  if (failures.length > 0) throw joinErrors(failures.map(({ error }) => error));
}

/** DEL goes on without a result it cannot read: what it is about to delete may well be there. */
function prevResult({ command, input }: Call, log: Log): Result | undefined {
  if (command !== "DEL") return prevResultOf(input);
  try {
    return prevResultOf(input);
  } catch (error) {
    log.warn(`${toCniError(error).message}; DEL goes on without it`);
    return undefined;
  }
}
