/** What a person calls a container: a namespace, a process, or a container of an engine. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { findProgram, runProgram } from "../../os/index.ts";
import { CommandError } from "../errors.ts";
import { namespaceState } from "../machine/known.ts";
import type { ProcessEnvironment } from "../output.ts";

/** A container that is there. */
export interface Target {
  /** As CNI wants it: the engine's id, or one made of what was typed. */
  readonly containerId: string;
  /** What people call it. */
  readonly name: string;
  readonly netns: string;
}

const kinds = ["netns", "pid", "docker", "podman", "containerd"] as const;
type Kind = (typeof kinds)[number];
type Look = (word: string, environment: ProcessEnvironment) => Promise<Target | undefined>;

const looks: Readonly<Record<Kind, Look>> = {
  netns: async (word) => byName(word),
  pid: async (word) => byProcess(word),
  docker: async (word, environment) => await byEngine("docker", word, environment),
  podman: async (word, environment) => await byEngine("podman", word, environment),
  containerd: byTask,
};

/**
 * A path, or `netns:NAME`, `pid:N`, `docker:WEB` and so on; a word alone is looked for in all of these places.
 *
 * @throws CommandError when it is nowhere or in several places, or its namespace is gone
 */
export async function findTarget(word: string, environment: ProcessEnvironment): Promise<Target> {
  const [, kind, rest = ""] = /^(\w+):(.+)$/.exec(word) ?? [];
  const named = kinds.find((one) => one === kind);
  const found = word.includes("/") && named === undefined
    ? [byPath(word)]
    : await lookedUp(named === undefined ? kinds : [named], named === undefined ? word : rest, environment);
  const [first, second] = found;
  if (first === undefined)
    throw new CommandError(
      `Cannot find container "${word}": it is no network namespace of ip netns, no process, and no container that ` +
        "docker, podman or ctr tells of, expected one of these, or the path of a namespace",
    );
  if (second !== undefined && second.netns !== first.netns)
    throw new CommandError(
      `Cannot choose container "${word}": several things have that name, expected ` +
        `${kinds.map((one) => `${one}:`).join(", ")} before it`,
    );
  if (namespaceState(first.netns) === "gone")
    throw new CommandError(`Cannot use container "${word}": ${first.netns} is no network namespace, expected one`);
  return first;
}

async function lookedUp(
  places: readonly Kind[],
  word: string,
  environment: ProcessEnvironment,
): Promise<readonly Target[]> {
  const found = await Promise.all(places.map(async (kind) => await looks[kind](word, environment)));
  return found.filter((one) => one !== undefined);
}

function byPath(word: string): Target {
  const netns = resolve(word);
  const [, name] = /^(?:\/var)?\/run\/netns\/([^/]+)$/.exec(netns) ?? [];
  const id = name === undefined ? `path${netns.replaceAll(/[^\w.-]+/g, "-")}` : `netns-${name}`;
  return { containerId: id, name: name ?? id, netns };
}

/** Of `ip netns`. */
function byName(word: string): Target | undefined {
  const netns = `/run/netns/${word}`;
  return /^\w[\w.-]*$/.test(word) && existsSync(netns) ? byPath(netns) : undefined;
}

function byProcess(word: string): Target | undefined {
  const netns = `/proc/${word}/ns/net`;
  if (!/^[1-9]\d{0,9}$/.test(word) || !existsSync(netns)) return undefined;
  return { containerId: `pid-${word}`, name: `pid-${word}`, netns };
}

/** Both understand the same question. */
async function byEngine(
  engine: "docker" | "podman",
  word: string,
  environment: ProcessEnvironment,
): Promise<Target | undefined> {
  const format = "{{.Id}} {{.Name}} {{.State.Pid}}";
  const said = await asked(engine, ["inspect", "--type", "container", "--format", format, word], environment);
  const [containerId = "", name = "", pid = "0"] = said?.trim().split(" ") ?? [];
  if (containerId === "") return undefined;
  if (pid === "0")
    throw new CommandError(
      `Cannot use container "${word}": ${engine} says it is not running, expected it to be started`,
    );
  return { containerId, name: name.replace(/^\//, ""), netns: `/proc/${pid}/ns/net` };
}

/** A running task, in whichever of containerd's namespaces; by its id, or the beginning of one. */
async function byTask(word: string, environment: ProcessEnvironment): Promise<Target | undefined> {
  // Without its daemon it waits for ten seconds before it says so.
  if (!existsSync(environment["CONTAINERD_ADDRESS"] ?? "/run/containerd/containerd.sock")) return undefined;
  const ask = async (...words: readonly string[]) => await asked("ctr", [...soon, ...words], environment);
  const namespaces = await ask("namespaces", "ls", "-q");
  for (const namespace of namespaces?.split("\n").filter((name) => name !== "") ?? []) {
    const tasks = await ask("-n", namespace, "tasks", "ls");
    const lines = tasks?.split("\n").slice(1).map((line) => line.trim().split(/\s+/)) ?? [];
    const isBeginning = (id: string) => word.length >= idCharsMin && id.startsWith(word);
    const [id, pid] = lines.find(([id = ""]) => id === word || isBeginning(id)) ?? [];
    if (id !== undefined && pid !== undefined && pid !== "0")
      return { containerId: id, name: id, netns: `/proc/${pid}/ns/net` };
  }
  return undefined;
}

/** A socket that nobody listens at any more. */
const soon = ["--connect-timeout", "2s"];
/** Fewer letters could be a name. */
const idCharsMin = 4;
/** An engine answers at once, or its daemon is not there. */
const answerLimitMs = 10_000;

/** What a program says; undefined when there is none, or it says no. */
async function asked(
  program: string,
  args: readonly string[],
  environment: ProcessEnvironment,
): Promise<string | undefined> {
  const file = findProgram(program, (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(":"));
  if (file === undefined) return undefined;
  try {
    const { status, stdout } = await runProgram(file, args, { env: environment, timeoutMs: answerLimitMs });
    return status === 0 ? stdout : undefined;
  } catch {
    return undefined; // one that hangs knows of no container, either
  }
}
