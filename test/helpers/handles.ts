/**
 * Plugins driven as the multiplexer drives them, one command at a time, with its real handles and an IPAM of type
 * "test" whose reservations can be counted: `ipam: { type: "test", addresses: [{ address, gateway? }], routes?, dns?
 * }`.
 */
import type { FailedStep, Warm } from "../../src/call/index.ts";
import {
  handlesWith, joinErrors, openHandles, teardownGroup, toCniError, undoSteps,
} from "../../src/call/index.ts";
import type { Dns, IpConfig, Result, Route } from "../../src/cni/index.ts";
import { CniError, code, newestVersion, toWireResult } from "../../src/cni/index.ts";
import type {
  AddContext, DelContext, Handles, Log, Plugin, PluginRequest, StatusContext, StepRequest, Teardown,
  ValidAttachment,
} from "../../src/plugins/index.ts";

/** One plugin called for one attachment. */
export interface Driven {
  readonly plugin: Plugin;
  /** Without cniVersion, name and type, which are filled in. */
  readonly conf: Readonly<Record<string, unknown>>;
  readonly netns: string;
  readonly ifName?: string;
  readonly containerId?: string;
  readonly args?: string;
  readonly cniVersion?: string;
  readonly prevResult?: Result;
  /** The configuration is the node's own; true when absent. */
  readonly trusted?: boolean;
  /** What a process keeps between calls; absent: nothing. */
  readonly warm?: Warm;
  /** Hears what is logged. */
  readonly log?: Log;
  /** Directory of the modules that decide; absent: there are none. */
  readonly modules?: string;
  /** What has no effect is refused, as the multiplexer refuses it; else it is added to `notices`. */
  readonly strict?: boolean;
  readonly notices?: string[];
  /** Puts something between the plugin and its handles, for example a namespace that fails. */
  readonly through?: (handles: Handles) => Partial<Handles>;
}

/** Reservations of the IPAM "test": `<containerId>/<ifName>`. */
export const reservations = new Set<string>();

/** ADD; on failure everything is undone, a step of undoing that fails included in the error. */
export async function add(driven: Driven): Promise<Result> {
  const undo = undoSteps();
  const withoutEffect = withoutEffectOf(driven);
  return await withHandles(driven, async (handles) => {
    try {
      const context: AddContext = handlesWith(handles, { undo, withoutEffect });
      const result = await addWith(driven.plugin, requestOf(driven), context);
      // As the command would print it: 0.1.0 and 0.2.0 cannot say that there is no address.
      toWireResult(result, driven.cniVersion ?? newestVersion);
      return result;
    } catch (error) {
      const failed = await undo.run();
      if (failed.length > 0) throw joinErrors([error, ...failed.map((step) => step.error)]);
      throw error;
    }
  });
}

function withoutEffectOf({ strict, notices }: Driven): (problem: string) => void {
  return (problem) => {
    if (strict === true) throw new CniError(code.invalidConfig, problem);
    notices?.push(problem);
  };
}

/** As those who call plugins do it: first the plugin reads the configuration, then its step acts. */
export async function addWith(plugin: Plugin, request: PluginRequest, context: AddContext): Promise<Result> {
  const { prevResult, ...known } = request;
  const step = await plugin.step(known, context);
  return await step.add(prevResult, context);
}

/** DEL. `later` gets the links in place of the kernel, which takes its time for each request that deletes some. */
export async function del(driven: Driven, later?: Teardown["deleteLink"]): Promise<void> {
  await withHandles(driven, async (handles) => {
    const failures: FailedStep[] = [];
    const group = teardownGroup(), teardown = group.for(failures);
    try {
      await driven.plugin.del(requestOf(driven), derived<DelContext>(handles, {
        teardown: later === undefined ? teardown : { ...teardown, deleteLink: later },
      }));
    } catch (error) {
      failures.push({ what: "delete", error });
    }
    await group.finish();
    if (failures.length > 0) throw joinErrors(failures.map(({ error }) => error));
  });
}

export async function check(driven: Driven): Promise<void> {
  await withHandles(driven, async (handles) => await driven.plugin.check(requestOf(driven), handles));
}

export async function status(driven: Driven): Promise<void> {
  await withHandles(driven, async (handles) => await driven.plugin.status(requestOf(driven),
    derived<StatusContext>(handles, { withoutEffect: withoutEffectOf(driven) })));
}

export async function gc(driven: Driven, validAttachments: readonly ValidAttachment[] | undefined): Promise<void> {
  await withHandles(driven, async (handles) => await driven.plugin.gc({ ...requestOf(driven), validAttachments },
    handles));
}

async function withHandles<T>(
  { netns, modules = "", log = silent, through, warm }: Driven,
  work: (handles: Handles) => Promise<T>,
): Promise<T> {
  const open = openHandles({ netns, path: [], execute: [], modules, log, ...(warm === undefined ? {} : { warm }),
    surroundings: { env: process.env, tell: () => {} } });
  const handles = handlesWith(open, { plugin: (type: string) => (type === testIpam.type ? testIpam
    : open.plugin(type)) });
  try {
    return await work(through === undefined ? handles : derived(handles, through(handles)));
  } catch (error) {
    throw toCniError(error);
  } finally {
    open.close();
  }
}

/** The same handles, still opened at first use, with some of them replaced. */
function derived<T extends Handles>(handles: Handles, replaced: Partial<T>): T {
  // Created from a Handles and given what T has beyond that.
  return Object.create(handles, Object.getOwnPropertyDescriptors(replaced)) as T;
}

const silent = { error() {}, warn() {}, verbose() {}, debug() {} };

function requestOf({ plugin, conf, netns, ifName = "eth0", containerId = "test-container", args = "",
  cniVersion = newestVersion, prevResult, trusted = true }: Driven): PluginRequest {
  return {
    attachment: { containerId, netns, ifName, args, path: [] },
    conf: { cniVersion, name: "testnet", type: plugin.type, ...conf },
    prevResult,
    trusted,
  };
}

interface TestIpamConf {
  readonly addresses?: readonly IpConfig[];
  readonly routes?: readonly Route[];
  readonly dns?: Dns;
}

const testIpam: Plugin = {
  type: "test",
  versions: [newestVersion],
  step: (request) => ({
    async add(_, { undo }) {
      // The tests write what they configure.
      const { addresses = [], routes = [], dns = {} } = request.conf["ipam"] as TestIpamConf;
      reservations.add(holder(request));
      undo.add("release the addresses", () => void reservations.delete(holder(request)));
      return { interfaces: [], ips: addresses, routes, dns };
    },
  }),
  async del(request) {
    reservations.delete(holder(request));
  },
  async check(request) {
    if (!reservations.has(holder(request))) throw new Error(`nothing is reserved for ${holder(request)}`);
  },
  async status() {},
  async gc() {},
};

function holder({ attachment }: StepRequest): string {
  return `${attachment.containerId}/${attachment.ifName}`;
}
