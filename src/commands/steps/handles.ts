/** What plugins touch, looked on at: each thing they ask of it becomes a step. */
import type { Observer, OpenHandles } from "../../call/index.ts";
import { handlesWith } from "../../call/index.ts";
import type { LeaseStore, LeaseTurn } from "../../ipam/index.ts";
import type { Namespace } from "../../kernel/index.ts";
import type { Handles, Plugin, StepRequest } from "../../plugins/index.ts";
import { formatAddress } from "../../net/index.ts";
import type { NamespaceOptions } from "./namespace.ts";
import { recordedNamespace } from "./namespace.ts";
import type { Recorder, StepWords } from "./step.ts";

export interface ObserverOptions {
  readonly recorder: Recorder;
  readonly listRules: NamespaceOptions["listRules"];
  /** Stands between, before anything is recorded: in place of what must not be touched. */
  readonly instead?: (opened: OpenHandles) => OpenHandles;
}

export function recordingObserver(options: ObserverOptions): Observer {
  const { recorder, instead = (opened) => opened } = options;
  return {
    handles: (opened) => recordedHandles(instead(opened), options),
    waits: (what) => recorder.begin(() => ({ kind: "lock", where: "node", what: `wait for ${what}` })),
  };
}

function recordedHandles(opened: OpenHandles, { recorder, listRules }: ObserverOptions): OpenHandles {
  const namespaces = new Map<Namespace, Namespace>();
  let host: Namespace | undefined, container: Namespace | undefined;
  const recorded = (namespace: Namespace, where: "host" | "container"): Namespace => {
    if (where === "host") host = namespace;
    else container = namespace;
    const known = namespaces.get(namespace);
    if (known !== undefined) return known;
    const other = () => (where === "host" ? container : host);
    const made = recordedNamespace(namespace, { where, recorder, listRules, other });
    namespaces.set(namespace, made);
    return made;
  };
  const node = (kind: StepWords["kind"], what: (name: string, args: readonly unknown[]) => string) =>
    <T extends object>(target: T): T => recordedObject(target, recorder, (name, args) =>
      ({ kind, where: "node", what: what(name, args) }));
  const files = (what: string) => node("file", (name) => `${spaced(name)} ${what}`);
  const overlay: Pick<OpenHandles, "close" | keyof Handles & string> = {
    ...({} as OpenHandles),
    get host() { return recorded(opened.host, "host"); },
    get container() { return recorded(opened.container, "container"); },
    get containerIfPresent() {
      const present = opened.containerIfPresent;
      return present === undefined ? undefined : recorded(present, "container");
    },
    get iptables() { return recordedIptables(opened, recorder); },
    get nftTool() {
      return recordedObject(opened.nftTool, recorder, (name, [lines]) => ({
        kind: name === "run" ? "request" : "look", where: "host",
        what: name === "run" ? "change nftables with nft" : "look for nft",
        commands: Array.isArray(lines) ? lines.map((line) => `nft ${String(line)}`) : [],
      }));
    },
    get modules() {
      const words = (name: string, args: readonly unknown[]) => `${spaced(name)} by module${firstName(args)}`;
      return node("module", words)(opened.modules);
    },
    leases: (choice) => recordedLeases(opened.leases(choice), recorder),
    nodeSubnets: (choice, how) => recorder.step(
      () => ({ kind: "addresses", where: "node", what: "ask the cluster for the node's subnets" }),
      () => opened.nodeSubnets(choice, how)),
    attachmentFiles: (directory) => files(`notes in ${directory}`)(opened.attachmentFiles(directory)),
    containerFiles: (directory) => files(`notes in ${directory}`)(opened.containerFiles(directory)),
    readText: (path, key) => recorder.step(() => ({ kind: "file", where: "node", what: `read ${path}` }),
      () => opened.readText(path, key)),
    alone: (what, work) => {
      const held = recorder.begin(() => ({ kind: "lock", where: "node", what: `wait for the lock of ${what}` }));
      return opened.alone(what, () => { held(); return work(); });
    },
    plugin: (type, conf) => recordedPlugin(opened.plugin(type, conf), recorder),
    sleep: (ms) => recorder.step(() => ({ kind: "pause", where: "node", what: `wait for ${ms} ms` }),
      () => opened.sleep(ms)),
    close: () => opened.close(),
  };
  // What is not looked on at is inherited.
  return Object.defineProperties(handlesWith(opened, {}), Object.getOwnPropertyDescriptors(overlay)) as OpenHandles;
}

/** `requireMerger` as words. */
function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function firstName([first]: readonly unknown[]): string {
  return typeof first === "string" ? ` "${first}"` : "";
}

type ObjectWords = (name: string, args: readonly unknown[]) => StepWords;

function recordedObject<T extends object>(target: T, recorder: Recorder, words: ObjectWords): T {
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key);
      if (typeof value !== "function" || typeof key !== "string") return value;
      return (...args: readonly unknown[]): unknown =>
        recorder.step(() => words(key, args), () => Reflect.apply(value, object, args));
    },
  });
}

/** The lines that were restored: those that were guessed where they came true, else those that were decided. */
function recordedIptables({ iptables }: Pick<Handles, "iptables">, recorder: Recorder): Handles["iptables"] {
  const program = (family: 4 | 6): string => (family === 4 ? "iptables" : "ip6tables");
  const lines = (family: 4 | 6, table: string, all: readonly string[]): readonly string[] =>
    all.map((line) => `${program(family)} -t ${table} ${line}`);
  const looked = recordedObject(iptables, recorder, (name, [family]) =>
    ({ kind: "look", where: "host", what: `${spaced(name)}: look at ${program(family === 6 ? 6 : 4)}` }));
  return {
    present: (family) => looked.present(family),
    usable: (family) => looked.usable(family),
    legacyTables: (family) => looked.legacyTables(family),
    save: (family, table) => looked.save(family, table),
    missing: (family, table, rules) => looked.missing(family, table, rules),
    restore: (family, table, all) => recorder.step(() => ({
      kind: "request", where: "host", what: `change ${program(family)} table ${table}`,
      commands: lines(family, table, all),
    }), () => iptables.restore(family, table, all)),
    change(change) {
      const { family, table, guess = [] } = change;
      let decided: readonly string[] | undefined;
      const done = (): StepWords => {
        const all = decided ?? guess;
        return all.length === 0
          ? { kind: "look", where: "host", what: `look at ${program(family)} table ${table}: all is there` }
          : { kind: "request", where: "host", what: `change ${program(family)} table ${table}: ${all.length} lines`,
            commands: lines(family, table, all) };
      };
      return recorder.step(done, () => iptables.change({
        ...change, decide: (saved) => (decided = change.decide(saved)),
      }));
    },
  };
}

function recordedLeases(store: LeaseStore, recorder: Recorder): LeaseStore {
  const recordedTurn = (scope: string, turn: LeaseTurn): LeaseTurn => ({
    view: (request) => recorder.step(
      () => ({ kind: "addresses", where: "node", what: `look at what is reserved of "${scope}"` }),
      () => turn.view(request)),
    commit: (request) => recorder.step(
      () => ({ kind: "addresses", where: "node",
        what: `reserve ${request.leases.map(({ address }) => formatAddress(address)).join(", ")} of "${scope}" in ` +
          store.place }),
      () => turn.commit(request)),
  });
  return {
    place: store.place,
    list: (scope, owner) => store.list(scope, owner),
    collect: (scope, listed, isValid) => store.collect(scope, listed, isValid),
    status: () => store.status(),
    ...(store.slice === undefined ? {} : { slice: store.slice.bind(store) }),
    release: (scope, owner, holds) => recorder.step(
      () => ({ kind: "addresses", where: "node", what: `give up what it has of "${scope}"` }),
      () => store.release(scope, owner, holds)),
    exclusively(scope, work) {
      const what = `wait for the lock of "${scope}" in ${store.place}`;
      const held = recorder.begin(() => ({ kind: "lock", where: "node", what }));
      return store.exclusively(scope, async (turn) => {
        held();
        return await work(recordedTurn(scope, turn));
      });
    },
  };
}

/** A plugin's part of an ADD and of a DEL is a step with all that it asks for within. */
function recordedPlugin(plugin: Plugin, recorder: Recorder): Plugin {
  // Only of an executable does nobody know what it is to addresses.
  const { type, ipam } = plugin, kind = ipam === undefined ? "program" : "plugin";
  const named = (verb: string, { attachment }: Pick<StepRequest, "attachment">) => (): StepWords =>
    ({ kind, where: "node", what: `${verb} of ${kind} "${type}" for ${attachment.ifName}` });
  return {
    ...plugin,
    async step(request, handles) {
      const step = await plugin.step(request, handles);
      return {
        ...step,
        add: (prevResult, context) => recorder.step(named("ADD", request), () => step.add(prevResult, context)),
      };
    },
    del: (request, context) => recorder.step(named("DEL", request), () => plugin.del(request, context)),
    check: (request, handles) => plugin.check(request, handles),
    status: (request, handles) => plugin.status(request, handles),
    gc: (request, handles) => plugin.gc(request, handles),
  };
}
