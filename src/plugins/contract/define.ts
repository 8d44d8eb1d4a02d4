import type { ConfSchema, Result } from "../../cni/index.ts";
import { CniError, code, readConf } from "../../cni/index.ts";
import { madeOnce } from "../../schema/index.ts";
import type { Ipam } from "./ipam.ts";
import {
  collectAddresses, ipamPlugin, isDelegating, leaseAddresses, releaseAddresses, releasesOverLink,
} from "./ipam.ts";
import { mayBeGiven } from "./missing-argument.ts";
import type {
  AddContext,
  Attachment,
  DelContext,
  Handles,
  IpamUse,
  Plugin,
  PluginConf,
  PluginRequest,
  StatusContext,
  Step,
  StepRequest,
  ValidAttachment,
} from "./plugin.ts";
import { allDone } from "./several-errors.ts";

/** One call of a plugin with its configuration read. */
export interface Call<Conf> {
  readonly attachment: Attachment;
  /** The network's name. */
  readonly network: string;
  readonly cniVersion: string;
  /** The configuration is the node's own. */
  readonly trusted: boolean;
  readonly conf: Conf;
  /** `ipam.type`; undefined without one (layer 2) and for plugins that do not delegate. */
  readonly ipamType: string | undefined;
}

/** The same for a verb that is told what came before it: the plugin before this one, or the ADD. */
export interface LaterCall<Conf> extends Call<Conf> {
  readonly prevResult: Result | undefined;
}

/** A call whose configuration was accepted, with what `read` made of it. */
export interface PlannedCall<Conf, Plan> extends LaterCall<Conf> {
  readonly plan: Plan;
}

/** STATUS; the plan is undefined where one can only be made of what a runtime gives at ADD. */
export interface StatusCall<Conf, Plan> extends Call<Conf> {
  readonly plan: Plan | undefined;
}

/** ADD, with the IPAM plugin that `ipamType` names bound to it. */
export interface AddCall<Conf, Plan> extends PlannedCall<Conf, Plan> {
  readonly ipam: Ipam | undefined;
}

/** GC; undefined attachments mean that the runtime gave no list: remove nothing. */
export interface GcCall<Conf> extends LaterCall<Conf> {
  readonly validAttachments: readonly ValidAttachment[] | undefined;
}

/**
 * What a plugin's author writes. ADD, CHECK and STATUS get a configuration that fits the schema. DEL and GC get what
 * fits of it and nothing in place of the rest: an attachment must stay deletable under a configuration that ADD
 * refuses, so no key may be required there.
 *
 * A plugin that delegates its IPAM asks for addresses in `add` and is done with it: they are checked before its own
 * `check`, released once its links are gone, and collected beside its own `gc`.
 */
export interface PluginDefinition<Conf extends object, Plan = undefined> {
  readonly type: string;
  /** cniVersions accepted, oldest first. */
  readonly versions: readonly string[];
  readonly schema: ConfSchema<Conf>;
  readonly ipam: IpamUse;
  /** It makes the one interface that the runtime has named: no network has two such. */
  readonly makesInterface?: true;
  /** It works on what a plugin before it has made, and can be no network's first. */
  readonly isChained?: true;
  /** The same where its configuration has no `ipam.type`: addresses are then those of the plugin before it. */
  readonly isChainedWithoutIpam?: true;
  /** What it gives it takes back over the link that it is on: DEL asks it before that link goes. */
  readonly releasesOverLink?: true;
  /**
   * What ADD and CHECK work from, made of a configuration that fits the schema; refuses (7) what the schema cannot.
   * Touches nothing, and runs before anything else of an ADD does. Absent: there is nothing to make.
   */
  read?(call: Call<Conf>, handles: Handles): Plan | Promise<Plan>;
  /** The same for CHECK, where that must hold of a running container whatever ADD would say by now; absent: `read`. */
  readForCheck?(call: Call<Conf>, handles: Handles): Plan | Promise<Plan>;
  add(call: AddCall<Conf, Plan>, context: AddContext): Promise<Result>;
  del(call: LaterCall<Partial<Conf>>, context: DelContext): Promise<void>;
  check(call: PlannedCall<Conf, Plan>, handles: Handles): Promise<void>;
  /** What keeps every ADD from working beyond what `read` and the IPAM plugin refuse, and no container's end mends. */
  status?(call: StatusCall<Conf, Plan>, context: StatusContext): void | Promise<void>;
  gc?(call: GcCall<Partial<Conf>>, handles: Handles): Promise<void>;
}

/** The plugin a definition describes. */
export function definePlugin<Conf extends object, Plan = undefined>(
  definition: PluginDefinition<Conf, Plan>,
): Plugin {
  const { type, versions, schema, ipam } = definition;
  const read = madeOnce((conf: PluginConf) => readConf(schema, conf));
  const strict = (request: StepRequest): Call<Conf> => {
    const call = callOf(ipam, request, read(request.conf));
    requireIpam(type, ipam, call);
    return call;
  };
  const lenient = (request: StepRequest): Call<Partial<Conf>> => (
    callOf(ipam, request, readConf(schema, request.conf, { lenient: true })));
  return {
    type, versions, ipam,
    ...(definition.makesInterface === true ? { makesInterface: true } : {}),
    ...(definition.isChained === true ? { isChained: true } : {}),
    ...(definition.isChainedWithoutIpam === true ? { isChainedWithoutIpam: true } : {}),
    ...(definition.releasesOverLink === true ? { releasesOverLink: true } : {}),
    step(request, handles) {
      const call = strict(request);
      const ipam = ipamOf(call, request, handles)?.step(request, handles);
      return whenThere(ipam, (bound) => (
        whenThere(planOf(definition, call, handles), (plan) => toStep(definition, { ...call, plan }, bound))));
    },
    async del(request, context) {
      const call = lenient(request);
      try {
        await definition.del({ ...call, prevResult: request.prevResult }, context);
      } finally {
        // Whatever went wrong, the addresses go; and last, when nothing speaks of them any more, if that can be.
        if (call.ipamType !== undefined) registerRelease(call.ipamType, request, context);
      }
    },
    async check(request, handles) {
      const call = strict(request), ipam = ipamOf(call, request, handles);
      const { readForCheck: read = definition.read } = definition;
      const plan = await planOf(read === undefined ? {} : { read }, call, handles);
      await ipam?.check(request, handles);
      await definition.check({ ...call, plan, prevResult: request.prevResult }, handles);
    },
    async status(request, context) {
      const call = strict(request), ipam = ipamOf(call, request, context);
      const plan = await planForStatus(definition, call, context, request.conf);
      await ipam?.status(request, context);
      await definition.status?.({ ...call, plan }, context);
    },
    async gc(request, handles) {
      const call = lenient(request);
      const { prevResult, validAttachments } = request;
      // Both are asked: what one cannot collect must not keep the other from it.
      await allDone([
        call.ipamType === undefined ? undefined : collectAddresses(call.ipamType, request, handles),
        definition.gc?.({ ...call, prevResult, validAttachments }, handles),
      ]);
    },
  };
}

/** Found before anything of the machine is looked at: a wrong one is wrong wherever it is asked. */
function ipamOf({ ipamType }: Call<object>, request: StepRequest, handles: Handles): Plugin | undefined {
  return ipamType === undefined ? undefined : ipamPlugin(ipamType, request, handles);
}

function callOf<Conf extends object>(ipam: IpamUse, request: StepRequest, conf: Conf): Call<Conf> {
  const { attachment, conf: { name, cniVersion }, trusted = false } = request;
  const ipamType = isDelegating(ipam) ? ipamTypeOf(conf) : undefined;
  return { attachment, network: name, cniVersion, trusted, conf, ipamType };
}

/** The schema of every plugin that delegates extends that of plugin-conf, which has this much of `ipam`. */
function ipamTypeOf(conf: { readonly ipam?: { readonly type?: string } }): string | undefined {
  return conf.ipam?.type || undefined;
}

/** @throws CniError 7 where a plugin that needs addresses has nobody to ask for them */
function requireIpam(type: string, use: IpamUse, { ipamType, network }: Call<object>): void {
  if (use !== "required" || ipamType !== undefined) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use plugin "${type}" in network "${network}": it has no ipam.type, expected the type of an IPAM plugin`,
  );
}

function planOf<Conf extends object, Plan>(
  { read }: Pick<PluginDefinition<Conf, Plan>, "read">,
  call: Call<Conf>,
  handles: Handles,
): Plan | Promise<Plan> {
  // Without `read` there is no plan, which its type says by default.
  return read === undefined ? (undefined as Plan) : read(call, handles);
}

async function planForStatus<Conf extends object, Plan>(
  definition: PluginDefinition<Conf, Plan>,
  call: Call<Conf>,
  handles: Handles,
  conf: PluginConf,
): Promise<Plan | undefined> {
  try {
    return await planOf(definition, call, handles);
  } catch (error) {
    if (mayBeGiven(error, conf)) return undefined;
    throw error;
  }
}

function toStep<Conf extends object, Plan>(
  { add }: PluginDefinition<Conf, Plan>,
  call: Call<Conf> & { readonly plan: Plan },
  bound: Step | undefined,
): Step {
  return {
    async add(prevResult, context) {
      const ipam = bound && { add: (context: AddContext) => leaseAddresses(bound, { ...call, prevResult }, context) };
      return await add({ ...call, prevResult, ipam }, context);
    },
  };
}

function registerRelease(ipamType: string, request: PluginRequest, context: DelContext): void {
  const { ifName } = request.attachment;
  const when = releasesOverLink(ipamType, context) ? "before" : "after";
  context.teardown[when](`release the addresses of interface "${ifName}"`, async () =>
    await releaseAddresses(ipamType, request, context),
  );
}

/** Goes on at once with what is there, and later with what has to be waited for. */
function whenThere<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
