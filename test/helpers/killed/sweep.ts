/**
 * The kill sweep: a network's ADD or DEL is killed right before one of the system calls by which it changes something,
 * then DEL or GC has to leave the node as it was before. Each step in the long form, a few of them in the short one.
 */
import { spawnSync } from "node:child_process";
import * as assert from "uvu/assert";
import type { KernelSuite, KernelSuiteOptions } from "../netns.ts";
import { kernelSuite } from "../netns.ts";
import type { Answer, Call, NetworkConf, World } from "../runtime.ts";
import { call, changes, makeWorld } from "../runtime.ts";
import { noAttachment, ourPlugins } from "../three-networks.ts";
import { openDying } from "./die-at.ts";
import type { Dying } from "./die-at.ts";
import { nodeState } from "./node-state.ts";

/** A network whose calls are killed: a plugin, or several in a chain, and what they need of the node. */
export interface Subject {
  readonly title: string;
  readonly plugins: (world: World) => NetworkConf["plugins"];
  /** What is there before. */
  readonly prepare?: (world: World) => void | Promise<void>;
  /** What of that went with the container's namespace, made anew. */
  readonly again?: (world: World) => void;
  /** Lines of the state that are other ones from then on. */
  readonly anew?: RegExp;
  /** Waits for what is let go of beside the call, and throws when it is kept. */
  readonly settle?: (cleaning: Cleaning) => Promise<void>;
  /** Ends what was started to prepare. */
  readonly end?: () => Promise<void>;
}

export type KilledVerb = "ADD" | "DEL";
/** What comes after the kill. */
export type Cleaning = "DEL" | "GC";

/** Every step is tried: the long form. */
export const isWhole = process.env["POLYNIC_CRASH"] === "every-step";
const wanted = new RegExp(process.env["POLYNIC_CRASH_SUBJECT"] ?? "");

/** Steps for each that is tried in the short form. */
const sampledOf = 30;

const ways = [["ADD", "DEL"], ["ADD", "GC"], ["DEL", "GC"], ["DEL", "DEL"]] as const;

/** A test for each subject and way; of these the short form has one, in turns. */
export function sweepSuite(
  name: string, url: string, { needs = [], subjects }: KernelSuiteOptions & { readonly subjects: readonly Subject[] },
): KernelSuite {
  const killed = kernelSuite(name, url, { needs });
  for (const [index, subject] of subjects.filter(({ title }) => wanted.test(title)).entries()) {
    for (const [verb, cleaning] of ways.filter((_, way) => isWhole || (index + way) % ways.length === 0))
      killed(`${subject.title}: ${verb} killed, ${cleaning} leaves nothing`, () => sweep(subject, verb, cleaning));
  }
  killed.after(endSweep);
  return killed;
}

/** Whether calls can be killed here; says loudly what is skipped where they cannot. */
export function canKill(tests: string): boolean {
  const isThere = spawnSync("cc", ["--version"], { stdio: "ignore" }).status === 0;
  if (!isThere) process.stderr.write(`\nSKIPPED ${tests}: there is no C compiler (cc)\n`);
  return isThere;
}

interface Sweep {
  readonly subject: Subject;
  readonly world: World;
  readonly dying: Dying;
  readonly network: NetworkConf;
  /** The steps of a call that lives. */
  readonly steps: Readonly<Record<KilledVerb, number>>;
}

/** The ways of one subject share a world. */
let current: Sweep | undefined;

async function sweep(subject: Subject, verb: KilledVerb, cleaning: Cleaning): Promise<void> {
  if (current?.subject !== subject) {
    await endSweep();
    current = await beginSweep(subject);
  }
  try {
    for (const step of sampled(current.steps[verb])) await round(current, { verb, cleaning, step });
  } catch (error) {
    await endSweep();
    throw error;
  }
}

async function beginSweep(subject: Subject): Promise<Sweep> {
  const dying = openDying(), world = makeWorld();
  try {
    await subject.prepare?.(world);
    const network = { cniVersion: "1.1.0", name: "killed", plugins: subject.plugins(world) };
    const counted = { subject, world, dying, network };
    return { ...counted, steps: countSteps(counted) };
  } catch (error) {
    await remove({ subject, dying, world });
    throw error;
  }
}

async function endSweep(): Promise<void> {
  const ended = current;
  current = undefined;
  if (ended !== undefined) await remove(ended);
}

async function remove({ subject, dying, world }: Pick<Sweep, "subject" | "dying" | "world">): Promise<void> {
  await subject.end?.();
  dying.remove();
  world.remove();
}

/** On a node where the first container has left what all share. */
function countSteps(one: Omit<Sweep, "steps">): Sweep["steps"] {
  const { dying, subject: { title } } = one;
  const first = lives(chain(one, "ADD"));
  lives(chain(one, "DEL", { prevResult: first.json }));
  dying.begin(0);
  const { json } = lives(chain(one, "ADD", { env: dying.env }));
  const added = dying.steps();
  dying.begin(0);
  lives(chain(one, "DEL", { env: dying.env, prevResult: json }));
  const deleted = dying.steps();
  assert.ok(added > 0 && deleted > 0, `${title}: ADD has ${added} steps, DEL ${deleted}`);
  return { ADD: added, DEL: deleted };
}

/** Which steps are tried: all, or some that are spread evenly and the same at every run. */
function sampled(steps: number): readonly number[] {
  const count = isWhole ? steps : Math.ceil(steps / sampledOf);
  return Array.from({ length: count }, (_, i) => 1 + Math.floor(((i + 0.5) * steps) / count));
}

interface Kill {
  readonly verb: KilledVerb;
  readonly cleaning: Cleaning;
  readonly step: number;
}

async function round(one: Sweep, { verb, cleaning, step }: Kill): Promise<void> {
  const { dying, world, subject } = one, before = nodeState(world);
  const prevResult = verb === "DEL" ? lives(chain(one, "ADD")).json : undefined;
  dying.begin(step);
  const { status, stdout } = chain(one, verb, { env: dying.env, prevResult });
  const what = `${verb} killed before step ${dying.told().trim().split("\n").at(-1)}, then ${cleaning}`;
  // What is only a help to ourselves is tidied now and then: a call may have fewer steps than the one that was counted.
  if (dying.steps() >= step) assert.is(status, null, `${what}: it lived, and said ${stdout}`);
  if (cleaning === "DEL") lives(chain(one, "DEL", { prevResult }), what);
  else collect(one, what);
  await subject.settle?.(cleaning);
  assert.equal(changes(before, nodeState(world)).filter((line) => subject.anew?.test(line) !== true), [], what);
}

/** The container's namespace goes, as its runtime has it, then GC is told that no attachment is valid. */
function collect(one: Sweep, what: string): void {
  const { world, subject } = one;
  world.container.exec("sh", "-c", endOfNamespace);
  subject.again?.(world);
  lives(chain(one, "GC"), what);
}

/** The kernel deletes the links that are not physical; what else the namespace holds is made as in a new one. */
const endOfNamespace = `
  ip -o link show | sed -n 's/^[0-9]*: \\([^:@]*\\).*/\\1/p' | grep -vx lo | while read l; do ip link del $l; done
  ip link set lo down
  for f in -4 -6; do
    ip $f rule flush
    ip $f rule add lookup main priority 32766 protocol kernel
    [ $f = -6 ] || ip rule add lookup default priority 32767 protocol kernel
  done`;

interface ChainOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly prevResult?: object | undefined;
}

/** The network's plugins as libcni calls them, up to the first that does not succeed. */
function chain(
  { network, world }: Pick<Sweep, "network" | "world">, verb: KilledVerb | "GC", { env, prevResult }: ChainOptions = {},
): Answer {
  const { cniVersion, name, plugins } = network, path = [ourPlugins()];
  let result = prevResult, last: Answer = { status: 0, stdout: "", stderr: "", json: undefined };
  for (const plugin of verb === "DEL" ? plugins.toReversed() : plugins) {
    const conf = {
      ...plugin, cniVersion, name,
      ...(result === undefined ? {} : { prevResult: result }),
      ...(verb === "GC" ? { "cni.dev/valid-attachments": [] } : {}),
    };
    const given: Call = { verb, type: plugin.type, path, conf, env: verb === "GC" ? noAttachment : env ?? {} };
    last = call(world, given);
    if (last.status !== 0) return last;
    if (verb === "ADD") result = last.json;
  }
  return last;
}

function lives(answer: Answer, what = "without a kill"): Answer {
  assert.is(answer.status, 0, `${what}: ${answer.stdout}${answer.stderr}`);
  return answer;
}
