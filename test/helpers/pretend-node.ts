/** A directory that stands for a node's file system, with a small tree in place of the shipped one. */
import {
  existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { apply } from "../../src/commands/install/node/apply.ts";
import type { NodeFiles } from "../../src/commands/install/node/files.ts";
import { byBytes, nodeFiles } from "../../src/commands/install/node/files.ts";
import type { Flags } from "../../src/commands/install/flags.ts";
import { flagsOf, installOptions, uninstallOptions } from "../../src/commands/install/flags.ts";
import type { Plan } from "../../src/commands/install/install-plan.ts";
import { planInstall } from "../../src/commands/install/install-plan.ts";
import { installRequest, uninstallRequest } from "../../src/commands/install/request.ts";
import { treeOf } from "../../src/commands/install/node/tree.ts";
import type { UninstallPlan } from "../../src/commands/install/uninstall-plan.ts";
import { planUninstall } from "../../src/commands/install/uninstall-plan.ts";
import type { OptionTable } from "../../src/commands/options.ts";
import { readWords } from "../../src/commands/words.ts";

/** What a command reads of the words behind its name. */
export function readFlags(options: OptionTable, words: readonly string[]): Flags {
  return flagsOf(readWords("polynic install", { parameters: {}, options }, words).options);
}

export const confDir = "etc/cni/net.d", binDir = "opt/cni/bin";

export interface PretendNode {
  readonly root: string;
  /** Changes what is to be installed. */
  ship(text: string): void;
  write(name: string, content: string | object, mode?: number): void;
  read(name: string): string;
  has(name: string): boolean;
  remove(name: string): void;
  /** Every path with its kind, permissions and content; names that `ignore` matches left out. */
  snapshot(ignore?: RegExp): Readonly<Record<string, string>>;
  /** A systemd as far as our units go: what it was told, what it has read of them, whether the socket listens. */
  readonly systemd: PretendSystemd;
  planInstall(words?: readonly string[], files?: NodeFiles): Plan;
  install(words?: readonly string[], files?: NodeFiles, env?: Readonly<Record<string, string>>): Plan;
  planUninstall(words?: readonly string[], files?: NodeFiles): UninstallPlan;
  uninstall(words?: readonly string[], files?: NodeFiles): UninstallPlan;
  [Symbol.dispose](): void;
}

export const clusterEnv = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

/**
 * With an executable for every type given, and a service account. Where every fsync waits for a disk the tests would
 * take minutes.
 */
export function pretendNode({ types = ["flannel", "portmap", "loopback"], account = true, systemd = false }: {
  readonly types?: readonly string[];
  readonly account?: boolean;
  /** One runs and can be told. */
  readonly systemd?: boolean;
} = {}): PretendNode {
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "polynic-node-"));
  const root = join(directory, "host"), shipped = join(directory, "shipped"),
    accountDirectory = join(directory, "account");
  const put = (path: string, content: string, mode = 0o644) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode });
  };
  for (const path of [confDir, binDir]) mkdirSync(join(root, path), { recursive: true });
  for (const type of types) put(join(root, binDir, type), `#!/bin/sh\n# ${type}\n`, 0o755);
  if (account) for (const [name, text] of [["token", "token-1"],
    ["ca.crt", "authority-1"]] as const) put(join(accountDirectory, name), text);
  const ship = (text: string) => {
    for (const name of ["bin/polynic", "bin/multus", "bin/bridge", "bin/loopback", "lib/polynic/node"]) put(join(shipped, name),
      `${name} ${text}\n`, 0o755);
  };
  ship("1");
  const install = (words: readonly string[], files: NodeFiles,
    env: Readonly<Record<string, string>> = clusterEnv) => {
    const flags = readFlags(installOptions, ["--root", root, "--service-account-dir", accountDirectory, ...words]);
    const request = installRequest(flags, { tree: () => treeOf(shipped), env, files });
    return planInstall({ ...request, systemd }, files);
  };
  const uninstall = (words: readonly string[], files: NodeFiles) => {
    const request = uninstallRequest(readFlags(uninstallOptions, ["--root", root, ...words]), files);
    return planUninstall({ ...request, systemd }, files);
  };
  const init = pretendSystemd(join(root, "etc/systemd/system"));
  const recording: NodeFiles = { ...nodeFiles, systemctl: init.systemctl };
  const carriedOut = <P extends UninstallPlan>(plan: P, files: NodeFiles) => {
    apply(plan.steps, files);
    return plan;
  };
  return {
    root, ship, systemd: init,
    write: (name, content, mode) => put(name.startsWith("account/") ? join(directory, name) : join(root, name),
      typeof content === "string" ? content : JSON.stringify(content), mode),
    read: (name) => readFileSync(join(root, name), "utf8"),
    has: (name) => lstatSync(join(root, name), { throwIfNoEntry: false }) !== undefined,
    remove: (name) => rmSync(join(root, name), { recursive: true }),
    snapshot: (ignore) => Object.fromEntries(readdirSync(root,
      { recursive: true, encoding: "utf8" }).filter((name) => ignore?.test(name) !== true)
      .sort(byBytes).map((name) => [name, described(join(root, name))])),
    planInstall: (words = [], files = recording) => install(words, files),
    install: (words = [], files = recording, env) => carriedOut(install(words, files, env), files),
    planUninstall: (words = [], files = recording) => uninstall(words, files),
    uninstall: (words = [], files = recording) => carriedOut(uninstall(words, files), files),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

export interface PretendSystemd {
  readonly systemctl: NodeFiles["systemctl"];
  readonly told: readonly string[];
  /** The service's text as it was when it last looked; undefined: there was none. */
  readonly service: string | undefined;
  readonly listens: boolean;
}

function pretendSystemd(directory: string): PretendSystemd {
  const told: string[] = [];
  const text = (name: string) =>
    existsSync(join(directory, name)) ? readFileSync(join(directory, name), "utf8") : undefined;
  let socket: string | undefined, service: string | undefined, listens = false;
  return {
    told,
    get service() { return service; },
    get listens() { return listens; },
    systemctl(words) {
      told.push(words.join(" "));
      const isKnown = socket !== undefined || listens;
      if (words.includes("daemon-reload")) [socket, service] = [text("polynic.socket"), text("polynic.service")];
      if ((words[0] === "start" || words[0] === "stop") && !isKnown) return { status: 5, said: "Unit not loaded." };
      if (words[0] === "start") listens = true;
      if (words[0] === "stop") listens = false;
      return { status: 0, said: "" };
    },
  };
}

function described(path: string): string {
  const facts = lstatSync(path);
  if (facts.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  const mode = (facts.mode & 0o777).toString(8);
  return facts.isDirectory() ? `directory ${mode}` : `${mode} ${readFileSync(path, "utf8")}`;
}

/** Ends every process that would go on: nothing works after it, not even cleaning up. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/** Whether the work was killed; what else goes wrong is thrown. */
export function wasKilled(work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (error instanceof Killed || (error instanceof Error && error.cause instanceof Killed)) return true;
    throw error;
  }
}

/**
 * Real files that "die" at a change before it is made; torn, at a new file's content with half of it written.
 *
 * @param atChange  which one, from 1; torn, of those that write content
 * @param look  called after every change that was made
 * @param systemctl  what hears of what systemd is told
 */
export function dyingFiles(atChange: number, {
  torn = false, look = () => {}, systemctl = () => ({ status: 0, said: "" }),
}: {
  readonly torn?: boolean;
  readonly look?: (change: number) => void;
  readonly systemctl?: NodeFiles["systemctl"];
} = {}): NodeFiles & { changes(): number } {
  let count = 0;
  const alive = (): void => {
    if (count >= atChange) throw new Killed("the process is gone");
  };
  const change = <A extends readonly unknown[]>(make: (...args: A) => void,
    tear?: (...args: A) => void) => (...args: A): void => {
    alive();
    if (!torn || tear !== undefined) count++;
    if (count === atChange) {
      if (torn) tear?.(...args);
      throw new Killed("the process is gone");
    }
    make(...args);
    look(count);
  };
  const seeing = <A extends readonly unknown[], R>(see: (...args: A) => R) => (...args: A): R => {
    alive();
    return see(...args);
  };
  const real = nodeFiles;
  return {
    changes: () => count,
    read: seeing(real.read), readGiven: seeing(real.readGiven), digest: seeing(real.digest),
    refusal: seeing(real.refusal), names: seeing(real.names), kind: seeing(real.kind),
    changedAt: seeing(real.changedAt), linkTarget: seeing(real.linkTarget), realPath: seeing(real.realPath),
    sync: change(real.sync), makeDirectory: change(real.makeDirectory), link: change(real.link),
      symlink: change(real.symlink), rename: change(real.rename), remove: change(real.remove),
    create: change(real.create, (path, content, mode) => real.create(path, content.slice(0, content.length >> 1),
      mode)),
    systemctl(words) {
      change(() => {})();
      return systemctl(words);
    },
    copy: change(real.copy, (_, to) => real.create(to, "half", 0o600)),
  };
}

/**
 * What stands in the runtime's way at this moment; undefined: it has a configuration that names executables that are
 * there.
 */
export function runtimeProblem(node: PretendNode): string | undefined {
  const directory = join(node.root, confDir);
  const [first] = readdirSync(directory).filter((name) => /\.(conf|conflist|json)$/.test(name)).sort(byBytes);
  if (first === undefined) return "no configuration";
  const text = readFileSync(join(directory, first), "utf8");
  try {
    const json = JSON.parse(text);
    const plugins = json.plugins ?? [json];
    const missing = plugins.map(({ type }: { type: string }) => type).find((type: string) => !existsSync(join(node.root,
      binDir, type)));
    if (missing !== undefined) return `${first} names ${missing}, which is not there`;
    const { kubeconfig } = plugins[0];
    if (kubeconfig !== undefined && !existsSync(join(node.root,
      kubeconfig))) return `${first} names ${kubeconfig}, which is not there`;
  } catch {
    return `${first} is not JSON: ${text}`;
  }
  return undefined;
}
