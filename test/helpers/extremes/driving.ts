/** A plugin called with every extreme value of every key, and what is wrong with what it says. */
import { CniError, code } from "../../../src/cni/index.ts";
import { openNamespace, openOwnNamespace } from "../../../src/kernel/index.ts";
import type { Namespace } from "../../../src/kernel/index.ts";
import { builtIn } from "../../../src/plugins/index.ts";
import type { JsonObject } from "../../../src/schema/index.ts";
import type { Driven } from "../handles.ts";
import { add, del } from "../handles.ts";
import { builtModules } from "../wasm.ts";
import type { Path } from "./values.ts";
import { extremes, shownValue, withValue } from "./values.ts";

/** A plugin, and a configuration of it that works. */
export interface Subject {
  readonly type: string;
  /** Whose keys are tried: the plugin's own, or its IPAM plugin's. */
  readonly schema: string;
  readonly conf: JsonObject;
  readonly more?: Partial<Driven>;
  /** It works on this interface; absent: it makes one, a new one each time. */
  readonly ifName?: string;
  /** After each DEL: what a plugin leaves to go with the interface. */
  clean?(): void;
  /** Errors that tell by other words what is wrong. */
  readonly tells?: RegExp;
  /** Values that are not tried. */
  isLeftOut?(path: Path, value: unknown): boolean;
}

/** How it went with all of them. */
export interface Tried {
  /** In words. */
  readonly problems: readonly string[];
  /** What the configuration itself is answered by. */
  readonly usual: CniError | undefined;
  readonly addedCount: number;
  readonly refusedCount: number;
}

/** ADD and DEL with each value; the links that DEL wants gone go a hundred at a time. */
export async function tryExtremes(subject: Subject, netns: string): Promise<Tried> {
  const { type, schema, conf, more, ifName, clean, tells, isLeftOut } = subject, plugin = builtIn.get(type);
  if (plugin === undefined) throw new Error(`Cannot find plugin "${type}"`);
  const host = openOwnNamespace(), container = openNamespace(netns), links = linksToGo(host, container);
  const drivenOf = (index: number, conf: JsonObject): Driven => ({
    plugin, modules: builtModules, netns, conf, ifName: ifName ?? `e${index}`, containerId: `c${index}`, ...more,
  });
  const call = async (driven: Driven): Promise<readonly [CniError | undefined, CniError | undefined]> => {
    const added = await outcomeOf(add(driven)), deleted = await outcomeOf(del(driven, links.later));
    clean?.();
    return [added, deleted];
  };
  const [usual] = await call(drivenOf(0, conf)), problems: string[] = [];
  let addedCount = 0, refusedCount = 0, index = 0;
  for (const [path, value] of extremes(schema)) {
    if (isLeftOut?.(path, value) === true) continue;
    const driven = drivenOf(++index, withValue(conf, path, value)), shown = shownValue(path, value);
    const wrongWith = (error: CniError | undefined): string | undefined => (
      error === undefined || error.message === usual?.message || tells?.test(error.message) === true
        ? undefined : wrongIn(error, path, value));
    let [added, deleted] = await call(driven);
    // A link that is still to go may have been in the way.
    if (wrongWith(added) !== undefined && await links.go()) [added, deleted] = await call(driven);
    if (added === undefined) addedCount++;
    else refusedCount++;
    const wrong = wrongWith(added);
    if (wrong !== undefined) problems.push(`ADD with ${shown} ${wrong}: ${added?.message}`);
    // Whether anything is kept in a store that nobody names, or by a program that is gone, cannot be known.
    const isUnknown = /^Cannot (use ipam\.store of type \w+: no |find plugin )/.test(deleted?.message ?? "");
    if (deleted !== undefined && !isUnknown)
      problems.push(`DEL with ${shown}: ${deleted.message}`);
    if (index % 100 === 0) await links.go();
  }
  await links.go();
  for (const one of [host, container]) one.close();
  return { problems, usual, addedCount, refusedCount };
}

/** What is wrong with an error; undefined when nothing is. */
function wrongIn({ code: number, message }: CniError, path: Path, value: unknown): string | undefined {
  if (number === code.internal) return "ends as a bug of ours";
  // What the codec says has no key in it.
  if (/Cannot (en|de)code /.test(message)) return "reaches the codec";
  const keys = path.filter((step) => typeof step === "string" && !groups.has(step)).slice(-2).map(String);
  const isNamed = keys.some((key) => message.toLowerCase().includes(key.toLowerCase()))
    || (typeof value === "string" && value.length > 2 && message.includes(value));
  return isNamed ? undefined : `is told by none of ${keys.join(", ")}`;
}

/** Objects whose keys are named without them. */
const groups: ReadonlySet<string> = new Set(["ipam", "runtimeConfig", "args", "cni", "store"]);

/** Links of both namespaces that are to be deleted together. */
function linksToGo(host: Namespace, container: Namespace) {
  const names = { host: new Set<string>(), container: new Set<string>() };
  return {
    later(namespace: Namespace, { name }: { readonly name: string }): void {
      names[namespace.path === "" ? "host" : "container"].add(name);
    },
    /** @returns false when there was none */
    async go(): Promise<boolean> {
      const some = names.host.size + names.container.size > 0;
      for (const [namespace, gone] of [[container, names.container], [host, names.host]] as const) {
        const found = [...gone].map((name) => namespace.links.find(name)).filter((link) => link !== undefined);
        await namespace.links.deleteAll(found.map(({ index }) => index));
        gone.clear();
      }
      return some;
    },
  };
}

async function outcomeOf(work: Promise<unknown>): Promise<CniError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
}
