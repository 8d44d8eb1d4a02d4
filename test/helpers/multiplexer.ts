/**
 * A multiplexer without a kernel: plugins that write down how they were called, a namespace that is a set of names and
 * a table of routes, a data directory of its own. What is under test, `src/mux`, is real, and so is everything on disk.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { OpenHandles } from "../../src/call/index.ts";
import type { Result } from "../../src/cni/index.ts";
import { allVersions, CniError } from "../../src/cni/index.ts";
import type { KernelRoute, Link, Namespace } from "../../src/kernel/index.ts";
import type { MuxCommand } from "../../src/mux/index.ts";
import { parseMuxConf } from "../../src/mux/index.ts";
import { parseAddress, parsePrefix } from "../../src/net/index.ts";
import type { Attachment, GcRequest, Plugin, PluginRequest } from "../../src/plugins/index.ts";
import type { MergeInput } from "../../src/wasm/index.ts";

/** One call a plugin got. */
export interface SeenCall {
  readonly verb: string;
  readonly type: string;
  readonly request: PluginRequest & Partial<Pick<GcRequest, "validAttachments">>;
}

export interface Bench {
  readonly directory: string;
  readonly cniDir: string;
  /** In order; undo steps appear with the verb "undo". */
  readonly calls: SeenCall[];
  /** `VERB type interface`, in order. */
  story(): readonly string[];
  readonly warnings: string[];
  readonly interfaces: Set<string>;
  /** Each group of links that was deleted in one request. */
  readonly deletedTogether: (readonly number[])[];
  /** What happens instead of success: `VERB type` or `VERB type interface` to an error. */
  readonly failures: Map<string, Error>;
  readonly merged: (readonly MergeInput[])[];
  /** What a type's ADD says it does without effect. */
  readonly withoutEffect: Map<string, string>;
  /**
   * What a type answers to ADD instead of an address made from the interface's name; its routes are then in the
   * container.
   */
  readonly answers: Map<string, Result>;
  /** Of the container's interfaces. */
  readonly routes: KernelRoute[];
  /** Types that are there; every other is unknown. */
  readonly types: Set<string>;
  file(path: string, content: string): string;
  command(config: object,
    changes?: Partial<Attachment> & {
      readonly invokedAs?: string;
      readonly verb?: string;
      readonly valid?: MuxCommand["validAttachments"];
    }): MuxCommand;
  remove(): void;
}

export function openBench(): Bench {
  const directory = mkdtempSync(join(tmpdir(), "polynic-mux-"));
  const cniDir = join(directory, "cni");
  const calls: SeenCall[] = [], warnings: string[] = [], deletedTogether: (readonly number[])[] = [],
    merged: (readonly MergeInput[])[] = [];
  const interfaces = new Set<string>(), types = new Set(["one", "two", "three", "shaper"]), failures = new Map<string,
    Error>();
  const withoutEffect = new Map<string, string>();
  const answers = new Map<string, Result>(), routes: KernelRoute[] = [];

  const seen = (verb: string, type: string, request: SeenCall["request"]): void => {
    calls.push({ verb, type, request });
    const failure = failures.get(`${verb} ${type} ${request.attachment.ifName}`) ?? failures.get(`${verb} ${type}`);
    if (failure !== undefined) throw failure;
  };

  const namespace = fakeNamespace({ interfaces, deletedTogether, routes });
  const plugin = (type: string): Plugin => {
    if (!types.has(type)) throw new CniError(112, `Cannot find plugin "${type}": it is not there`);
    return recordingPlugin(type, { seen, interfaces, answers, withoutEffect, namespace });
  };
  const handles = fakeHandles({ namespace, plugin, merged, warnings });
  return {
    directory, cniDir, calls, warnings, interfaces, deletedTogether, failures, answers, routes, merged, types,
    withoutEffect,
    story: () => calls.map(({ verb, type, request }) => [verb, type, request.attachment.ifName].join(" ").trim()),
    file(path, content) {
      const file = join(directory, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      return file;
    },
    command(config, { invokedAs = "polynic", verb = "ADD", valid, ...attachment } = {}) {
      const json = { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir, confDir: join(directory, "net.d"),
        binDir: "/bin-dir", ...config };
      return {
        conf: parseMuxConf(json, { invokedAs, verb }),
        attachment: { containerId: "c1", netns: "/run/netns/c1", ifName: "eth0", args: "", path: ["/cni"],
          ...attachment },
        validAttachments: valid,
        env: {}, version: "0.0.0",
        openHandles: () => handles,
        exclusively: (_, work) => work(),
      };
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** A plugin that has every call seen, and an interface that is a name. */
function recordingPlugin(type: string, { seen, interfaces, answers, withoutEffect, namespace }:
  Pick<Bench, "interfaces" | "answers" | "withoutEffect"> & {
    seen: (verb: string, type: string, request: SeenCall["request"]) => void; namespace: Namespace;
  }): Plugin {
  return {
    type,
    versions: allVersions,
    step: (known) => ({
      async add(prevResult, { undo, ...context }) {
        const request = { ...known, prevResult };
        undo.add(`undo ${type}`, () => {
          interfaces.delete(request.attachment.ifName);
          seen("undo", type, request);
        });
        seen("ADD", type, request);
        const problem = withoutEffect.get(type);
        if (problem !== undefined) context.withoutEffect(problem);
        interfaces.add(request.attachment.ifName);
        const answer = prevResult ?? answers.get(type) ?? resultOf(request.attachment);
        for (const { dst, gw } of prevResult === undefined ? answer.routes : []) {
          namespace.routes.add({ dst: parsePrefix(dst), index: namespace.links.get(request.attachment.ifName).index,
            ...(gw === undefined ? {} : { gateway: parseAddress(gw) }) });
        }
        return answer;
      },
    }),
    async del(request, { teardown }) {
      seen("DEL", type, request);
      const { ifName } = request.attachment;
      if (!interfaces.delete(ifName)) return;
      teardown.deleteLink(namespace, namespace.links.get(ifName));
      teardown.after(`tidy up ${type}`, () => seen("after", type, request));
    },
    async check(request) { seen("CHECK", type, request); },
    async status(request) { seen("STATUS", type, request); },
    async gc(request) { seen("GC", type, request); },
  };
}

/** The result every plugin that makes an interface answers with: an address made from the interface's name. */
export function resultOf({ ifName, netns }: Pick<Attachment, "ifName" | "netns">): Result {
  const host = ifName === "eth0" ? 100 : Number(ifName.replace(/\D/g, "")) || 200;
  return { interfaces: [{ name: ifName, sandbox: netns }], ips: [{ address: `10.0.0.${host}/24`, interface: 0 }],
    routes: [], dns: {} };
}

function fakeHandles({ namespace, plugin, merged, warnings }: {
  namespace: Namespace; plugin: (type: string) => Plugin; merged: (readonly MergeInput[])[]; warnings: string[];
}): OpenHandles {
  const absent = (what: string) => (): never => { throw new Error(`Cannot open ${what}: these tests have none`); };
  return {
    host: namespace, container: namespace, containerIfPresent: namespace,
    get iptables() { return absent("iptables")(); },
    get nftTool() { return absent("nft")(); },
    get firewalld() { return absent("firewalld")(); },
    modules: {
      node: { name: "node", index: null },
      allocate: absent("modules"), kindOf: absent("modules"), whyGone: absent("modules"),
      load: absent("modules"), requireMerger: async () => {},
      async merge(inputs) {
        merged.push(inputs);
        return {
          interfaces: inputs.flatMap(({ result }) => result.interfaces),
          ips: inputs.flatMap(({ result }, index) => result.ips.map((ip) => ({ ...ip, interface: index }))), routes: [],
            dns: {},
        };
      },
    },
    dhcpDaemon: absent("the DHCP daemon"),
    leases: absent("leases"), nodeSubnets: absent("the cluster's nodes"),
    readText: absent("files"), readTextIfPresent: absent("files"), attachmentFiles: absent("files"),
    alone: absent("locks"), containerFiles: absent("files"),
    plugin,
    log: { error: (line) => warnings.push(line), warn: (line) => warnings.push(line),
      verbose: () => {}, debug: () => {} },
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 5))),
    close: () => {},
  };
}

/** Links by name alone, each name with an index of its own, and a table of routes. */
function fakeNamespace({
  interfaces,
  deletedTogether,
  routes,
}: {
  interfaces: ReadonlySet<string>;
  deletedTogether: (readonly number[])[];
  routes: KernelRoute[];
}): Namespace {
  const known: string[] = [];
  const linkOf = (name: string): Link => {
    if (!known.includes(name)) known.push(name);
    return { index: known.indexOf(name) + 1, name, mtu: 1500, up: true, loopback: false, promiscuity: 0,
      allMulticast: false,
      operState: "up", group: 0 };
  };
  const links = {
    find: (name: number | string) => typeof name === "string" && interfaces.has(name) ? linkOf(name) : undefined,
    get: (name: number | string) => linkOf(String(name)),
    deleteAll: async (indexes: readonly number[]) => { deletedTogether.push(indexes); },
  };
  const table = {
    list: (family: 4 | 6,
      { index }: { readonly index?: number } = {}) => routes.filter((route) => route.dst.address.family === family
      && route.index === index),
    add: (route: Pick<KernelRoute, "dst" | "gateway" | "index">) => { routes.push({ ...route, table: 254, scope: 0,
      protocol: 3, type: 1 }); },
    deleteListed: (route: KernelRoute) => { routes.splice(routes.indexOf(route), 1); },
  };
  // True as far as these tests reach: the multiplexer looks names up, deletes links and moves default routes, nothing
  // else.
  return { path: "/run/netns/c1", links, routes: table, sysctl: { get: () => "0" } } as unknown as Namespace;
}
