import type { ConfSchema, Result } from "../../cni/index.ts";
import { confSchema, readConf } from "../../cni/index.ts";
import type { Ipam } from "./ipam.ts";
import { bindIpam } from "./ipam.ts";
import type { AddContext, Attachment, DelContext, Handles, Plugin, PluginRequest, ValidAttachment } from "./plugin.ts";
import { throwAll } from "./several-errors.ts";

/** One call of a plugin with its configuration read and its IPAM bound. */
export interface Call<Conf> {
  readonly attachment: Attachment;
  /** The network's name. */
  readonly network: string;
  readonly cniVersion: string;
  readonly conf: Conf;
  readonly prevResult: Result | undefined;
  /** The IPAM plugin that `ipam.type` names; undefined without one (layer 2) and for plugins that do not delegate. */
  readonly ipam: Ipam | undefined;
}

/** The same for GC; undefined attachments mean that the runtime gave no list: remove nothing. */
export interface GcCall<Conf> extends Call<Conf> {
  readonly validAttachments: readonly ValidAttachment[] | undefined;
}

/**
 * What a plugin's author writes. ADD, CHECK and STATUS get a configuration that fits the schema. DEL and GC get what
 * fits of it and nothing in place of the rest: an attachment must stay deletable under a configuration that ADD
 * refuses, so no key may be required there.
 */
export interface PluginDefinition<Conf extends object> {
  readonly type: string;
  /** cniVersions accepted, oldest first. */
  readonly versions: readonly string[];
  readonly schema: ConfSchema<Conf>;
  /** Addresses come from the plugin that `ipam.type` names. */
  readonly delegatesIpam?: boolean;
  /** What of a configuration the schema cannot tell is wrong; runs before every ADD and touches nothing. */
  validate?(call: Call<Conf>): void;
  add(call: Call<Conf>, context: AddContext): Promise<Result>;
  del(call: Call<Partial<Conf>>, context: DelContext): Promise<void>;
  check(call: Call<Conf>, handles: Handles): Promise<void>;
  /** Beyond what the bound IPAM answers, which is always asked. */
  status?(call: Call<Conf>, handles: Handles): Promise<void>;
  /** Beyond what the bound IPAM collects, which is always asked. */
  gc?(call: GcCall<Partial<Conf>>, handles: Handles): Promise<void>;
}

/** The plugin a definition describes. */
export function definePlugin<Conf extends object>(definition: PluginDefinition<Conf>): Plugin {
  const { type, versions, schema } = definition;
  const strict = (verb: string, request: PluginRequest, handles: Handles): Call<Conf> => (
    { ...bound(definition, verb, request, handles), conf: readConf(schema, request.conf) });
  const lenient = (verb: string, request: PluginRequest, handles: Handles): Call<Partial<Conf>> => (
    { ...bound(definition, verb, request, handles), conf: readConf(schema, request.conf, { lenient: true }) });
  // The multiplexer has a configuration validated before it touches anything, and then added.
  const accepted = new WeakMap<PluginRequest["conf"], Pick<Call<Conf>, "attachment" | "conf">>();
  const validated = (request: PluginRequest, handles: Handles): Call<Conf> => {
    const known = accepted.get(request.conf);
    if (known !== undefined && known.attachment === request.attachment)
      return { ...bound(definition, "ADD", request, handles), conf: known.conf };
    const call = strict("ADD", request, handles);
    definition.validate?.(call);
    call.ipam?.validate(handles);
    accepted.set(request.conf, { attachment: call.attachment, conf: call.conf });
    return call;
  };
  return {
    type,
    versions,
    validate: (request, handles) => void validated(request, handles),
    ...(definition.delegatesIpam === true
      ? {
          prepare: async (request: PluginRequest, handles: Handles) =>
            await bound(definition, "ADD", request, handles).ipam?.prepare(handles),
        }
      : {}),
    add: async (request, context) => await definition.add(validated(request, context), context),
    del: async (request, context) => await definition.del(lenient("DEL", request, context), context),
    check: async (request, handles) => await definition.check(strict("CHECK", request, handles), handles),
    async status(request, handles) {
      const call = strict("STATUS", request, handles);
      await call.ipam?.status(handles);
      await definition.status?.(call, handles);
    },
    async gc(request, handles) {
      const call = lenient("GC", request, handles);
      // Both are asked: what one cannot collect must not keep the other from it.
      const ended = await Promise.allSettled([
        call.ipam?.gc(handles),
        definition.gc?.({ ...call, validAttachments: request.validAttachments }, handles),
      ]);
      throwAll(ended.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason));
    },
  };
}

/** What a call holds beside its configuration. */
function bound(
  definition: Pick<PluginDefinition<object>, "delegatesIpam">,
  verb: string,
  request: PluginRequest,
  handles: Handles,
): Omit<Call<unknown>, "conf"> {
  const { attachment, conf, prevResult } = request;
  const ipamType =
    definition.delegatesIpam === true ? readConf(delegation, conf, { lenient: true }).ipam?.type : undefined;
  return {
    attachment,
    network: conf.name,
    cniVersion: conf.cniVersion,
    prevResult,
    ipam: ipamType === undefined || ipamType === "" ? undefined : bindIpam(ipamType, verb, request, handles),
  };
}

/** The key that chooses the IPAM plugin. */
const delegation = confSchema<{ readonly ipam?: { readonly type?: string } }>("plugin-conf");
