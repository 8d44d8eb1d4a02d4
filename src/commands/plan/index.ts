/** `polynic plan`: what an ADD would do, found out by one that nobody will ever see. */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { command } from "../command.ts";
import { requireRoot, toldError } from "../errors.ts";
import type { Configuration } from "../machine/configuration.ts";
import { findConfiguration } from "../machine/configuration.ts";
import { confDirOption, confDirs, pluginPath, usualStateDirectory } from "../machine/directories.ts";
import { byHand, callNetwork, multiplexerOf } from "../machine/network-call.ts";
import { jsonOption } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import { recordingObserver } from "../steps/handles.ts";
import type { Step } from "../steps/step.ts";
import { openRecorder } from "../steps/step.ts";
import { ruleLister } from "../steps/tools.ts";
import { plannedHandles } from "./instead.ts";
import { enterReplica, memory, takeSnapshot } from "./replica.ts";
import type { Plan } from "./report.ts";
import { planLines, plannedSteps, withoutPlace } from "./report.ts";

export const planCommand = command({
  about:
    "Lists what an ADD would ask of the kernel, in words and as ip, bridge, nft, iptables and sysctl lines, and what " +
    "it would write; $NETNS stands for the container's namespace and planned for its id. Nothing is changed and no " +
    "address is reserved.\n\n" +
    "For that the ADD is run in namespaces of its own, with stand-ins for this machine's links and with its firewall " +
    "rules; files can be read there and not written. What differs the next time: MAC addresses and names of veth " +
    "pairs, which are made by chance, and an address that somebody else is faster to get. What cannot be foreseen: " +
    "what programs would do, which are listed with their input and not run, what a DHCP server would give, and what " +
    "an etcd would.",
  parameters: { network: { count: "one", value: "CONF", help: "a configuration's name or its file" } },
  options: {
    interface: { kind: "text", short: "i", value: "NAME", help: "in the container; default: eth0" },
    ...confDirOption, ...jsonOption,
  },
  statuses: { 0: "the ADD would succeed", 1: "it would fail, or cannot be planned" },
  async run({ parameters: { network }, options, environment, ...output }) {
    requireRoot("plan anything");
    const configuration = findConfiguration(network, confDirs(options));
    const ifName = options.interface ?? "eth0";
    // Theirs is in a directory that cannot be written to then (iptables(8)).
    const own = { ...environment, XTABLES_LOCKFILE: join(memory, "xtables.lock") };
    const plan = await planned(configuration, ifName, { ...output, environment: own });
    if (options.json === true) output.json(plan);
    else for (const line of planLines(plan, output.style)) output.say(line);
    if (plan.error !== undefined) output.warn(`polynic plan: ${plan.error}`);
    return plan.error === undefined ? 0 : 1;
  },
});

type Caller = Output & { readonly environment: ProcessEnvironment };

const state = join(memory, "state");

async function planned(configuration: Configuration, ifName: string, caller: Caller): Promise<Plan> {
  const { environment } = caller;
  const recorder = openRecorder(() => performance.now()), notes: string[] = [];
  const own = multiplexerOf(configuration, { name: byHand, stateDir: state });
  const realState = typeof own["cniDir"] === "string" && own["cniDir"] !== state ? own["cniDir"] : usualStateDirectory;
  // What it would write of itself has no place here.
  const { logFile: _log, moduleRecordings: _recordings, readinessindicatorfile: _ready, ...conf } = own;
  const snapshot = await takeSnapshot(namesIn(configuration.json), environment);
  const replica = await enterReplica(snapshot, environment);
  notes.push(...replica.notes);
  const copies = new Map<string, string>(), { marks } = snapshot;
  const note = (text: string): void => void notes.push(text);
  const observer = recordingObserver({
    recorder,
    listRules: ruleLister(environment),
    instead: (opened) => plannedHandles(opened, { recorder, memory, copies, marks, note }),
  });
  const call = {
    verb: "ADD", conf: { ...conf, cniDir: state }, containerId: "planned", netns: replica.netns, ifName,
    path: pluginPath(environment),
  } as const;
  let answer: JsonObject | undefined, problem: unknown;
  try {
    answer = await callNetwork(call, { ...caller, observer });
  } catch (error) {
    problem = error;
  }
  const place = (text: string): string => withoutPlace(text, new Map([...copies, [replica.netns, "$NETNS"]]));
  return {
    steps: [...plannedSteps(recorder.steps, place), ...(problem === undefined ? stateFiles(realState) : [])],
    result: answer === undefined ? undefined : (JSON.parse(place(JSON.stringify(answer))) as JsonObject),
    notes,
    ...(problem === undefined ? {} : { error: place(toldError(problem)) }),
  };
}

/** All words of a configuration: some of them name links. */
function namesIn(value: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  const look = (one: unknown): void => {
    if (typeof one === "string") found.add(one);
    else if (Array.isArray(one)) one.forEach(look);
    else if (isJsonObject(one)) Object.values(one).forEach(look);
  };
  look(value);
  return found;
}

/** What the multiplexer has written down, for the DEL. */
function stateFiles(real: string): readonly Step[] {
  return readdirSync(state, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("/.polynic"))
    .map((entry) => join(real, relative(state, join(entry.parentPath, entry.name))))
    .sort()
    .map((file) => ({ kind: "file", where: "node", what: `write ${file}`, commands: [], depth: 0, ms: 0, ownMs: 0 }));
}
