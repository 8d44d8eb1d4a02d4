/** `polynic plan`: what an ADD would do, found out by one that nobody will ever see. */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import type { Observer } from "../../call/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { foreseenNetworks } from "../../service/index.ts";
import { command } from "../command.ts";
import { requireRoot, toldError } from "../errors.ts";
import { clusterOptions } from "../machine/cluster.ts";
import { confDirOption, pluginPath, usualStateDirectory } from "../machine/directories.ts";
import { callNetwork } from "../machine/network-call.ts";
import { jsonOption } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import { recordingObserver } from "../steps/handles.ts";
import type { Step } from "../steps/step.ts";
import { openRecorder } from "../steps/step.ts";
import { ruleLister } from "../steps/tools.ts";
import { plannedHandles } from "./instead.ts";
import type { Meant, MeantOptions } from "./meant.ts";
import { meantBy } from "./meant.ts";
import { enterReplica, memory, takeSnapshot } from "./replica.ts";
import type { Plan } from "./report.ts";
import { planLines, plannedSteps, withoutPlace } from "./report.ts";

export const planCommand = command({
  about:
    "Lists what an ADD would ask of the kernel, in words and as ip, bridge, nft, iptables and sysctl lines, and what " +
    "it would write; $NETNS stands for the container's namespace and planned for its id. Nothing is changed, nothing " +
    "is published, and no address is reserved.\n\n" +
    "Of a pod it is what this node's multiplexer would do: the pod is one of the cluster (namespace/name), or the " +
    "one in a file of manifests, as are definitions that the cluster does not have yet.\n\n" +
    "For that the ADD is run in namespaces of its own, with stand-ins for this machine's links and with its firewall " +
    "rules; files can be read there and not written. What differs the next time: MAC addresses and names of veth " +
    "pairs, which are made by chance, and an address that somebody else is faster to get. What cannot be foreseen: " +
    "what programs would do, which are listed with their input and not run, what a DHCP server would give, and what " +
    "an etcd would.",
  parameters: {
    network: {
      count: "one", value: "CONF|POD", completes: "network",
      help: "a configuration's name or its file; a pod's namespace/name, the file of its manifest, or - for stdin",
    },
  },
  options: {
    interface: { kind: "text", short: "i", value: "NAME", help: "in the container; default: eth0" },
    conf: {
      kind: "text", value: "CONF", completes: "network",
      help: "of a pod: the multiplexer's configuration; default: the first one that runtimes find",
    },
    ...clusterOptions, ...confDirOption, ...jsonOption,
  },
  examples: [
    { line: "polynic plan two-networks", help: "a configuration" },
    { line: "polynic plan blue/web-0", help: "a pod, as this node would attach it" },
    { line: "polynic plan web.yaml --json", help: "a pod that is not there yet" },
  ],
  statuses: { 0: "the ADD would succeed", 1: "it would fail, or cannot be planned" },
  async run({ parameters: { network }, options, environment, ...output }) {
    requireRoot("plan anything");
    const ifName = options.interface ?? "eth0";
    // Theirs is in a directory that cannot be written to then (iptables(8)).
    const own = { ...environment, XTABLES_LOCKFILE: join(memory, "xtables.lock") };
    const plan = await planned({ word: network, options, ifName }, { ...output, environment: own });
    if (options.json === true) output.json(plan);
    else for (const line of planLines(plan, output.style)) output.say(line);
    if (plan.error !== undefined) output.warn(`polynic plan: ${plan.error}`);
    return plan.error === undefined ? 0 : 1;
  },
});

type Caller = Output & { readonly environment: ProcessEnvironment };

interface Wanted {
  readonly word: string;
  readonly options: MeantOptions;
  readonly ifName: string;
}

const state = join(memory, "state");

async function planned({ word, options, ifName }: Wanted, caller: Caller): Promise<Plan> {
  const { environment } = caller;
  const recorder = openRecorder(() => performance.now()), notes: string[] = [];
  const meant = await meantBy(word, { options, environment, recorder, stateDir: state });
  const { cniDir: ownState } = meant.conf;
  const realState = typeof ownState === "string" && ownState !== state ? ownState : usualStateDirectory;
  // What it would write of itself has no place here.
  const { logFile: _log, moduleRecordings: _recordings, readinessindicatorfile: _ready, ...conf } = meant.conf;
  const path = pluginPath(environment);
  const asked = { verb: "ADD", containerId: "planned", ifName, args: meant.args, path } as const;
  const names = new Set([...namesIn(meant.conf), ...await namesForeseen(meant, asked, caller)]);
  const snapshot = await takeSnapshot(names, environment);
  meant.cluster?.seal();
  const replica = await enterReplica(snapshot, environment);
  notes.push(...replica.notes);
  const copies = new Map<string, string>(), { marks } = snapshot;
  const note = (text: string): void => void notes.push(text);
  const observer = {
    ...recordingObserver({
      recorder,
      listRules: ruleLister(environment),
      instead: (opened) => plannedHandles(opened, { recorder, memory, copies, marks, note }),
    }),
    cluster: meant.cluster,
  };
  let answer: JsonObject | undefined, problem: unknown;
  try {
    const call = { ...asked, conf: { ...conf, cniDir: state }, netns: replica.netns };
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

interface Asked {
  readonly containerId: string;
  readonly ifName: string;
  readonly args: string;
  readonly path: readonly string[];
}

/** Words of the networks that files and the cluster have; with that the cluster has been asked all there is. */
async function namesForeseen(
  { conf, cluster }: Meant, { containerId, ifName, args, path }: Asked, { environment }: Caller,
): Promise<ReadonlySet<string>> {
  const observer: Observer = { handles: (opened) => opened, waits: () => () => {}, cluster };
  const attachment = { containerId, netns: "", ifName, args, path };
  try {
    // What is told while they are looked up the ADD tells again.
    const networks = await foreseenNetworks(conf, { attachment, env: environment, tell: () => {}, observer });
    return namesIn(networks.map(({ network }) => network.plugins));
  } catch {
    return new Set(); // the ADD will say what is wrong
  }
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
