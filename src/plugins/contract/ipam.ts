import type { IpConfig, Result } from "../../cni/index.ts";
import { CniError, code, messageOf, readConf } from "../../cni/index.ts";
import { dataDirOf, hostLocalSchema } from "../host-local/conf.ts";
import { ownerOf } from "../host-local/owner.ts";
import type { AddContext, DelContext, GcRequest, Handles, Plugin, PluginRequest } from "./plugin.ts";

/** The IPAM plugin of one call: the same request and handles, only the verb is chosen. */
export interface Ipam {
  /** Refuses what its ADD would refuse; an executable is not asked. */
  validate(handles: Handles): void;
  /** The same for what has to be read first. */
  prepare(handles: Handles): Promise<void>;
  /**
   * What IPAM gives: at least one address, routes and dns; no interfaces yet.
   *
   * @throws CniError 7 when the answer holds no address; what it reserved is released by its own undo step
   */
  add(context: AddContext): Promise<Result>;
  del(context: DelContext): Promise<void>;
  check(handles: Handles): Promise<void>;
  status(handles: Handles): Promise<void>;
  gc(handles: Handles): Promise<void>;
}

/**
 * Binds the IPAM plugin of that type, built in or executed, to the request of the plugin that delegates to it.
 * A type that does not exist ends an ADD before anything is touched, and a DEL only where it would have been called.
 */
export function bindIpam(type: string, verb: string, request: PluginRequest, handles: Handles): Ipam {
  const plugin = verb === "ADD" ? constant(handles.plugin(type)) : () => handles.plugin(type);
  return {
    validate: (handles) => plugin().validate?.(request, handles),
    prepare: async (handles) => await plugin().prepare?.(request, handles),
    async add(context) {
      const answer = await plugin().add(request, context);
      if (answer.ips.length === 0) {
        throw new CniError(
          code.invalidConfig,
          `Cannot use the answer of IPAM "${type}" in network "${request.conf.name}": it holds no address, expected ` +
            "at least one",
        );
      }
      // A delegated answer has no interfaces, and its addresses belong to none (CNI specification 1.1.0, section 4).
      return { ...answer, interfaces: [], ips: answer.ips.map(withoutInterface) };
    },
    del: async (context) => await del(plugin, request, context),
    check: async (handles) => await plugin().check(request, handles),
    status: async (handles) => await plugin().status(request, handles),
    gc: async (handles) =>
      await plugin().gc(isGc(request) ? request : { ...request, validAttachments: undefined }, handles),
  };
}

/** A plugin or module that is not there any more keeps no address of ours: those are known by their owner. */
async function del(plugin: () => Plugin, request: PluginRequest, context: DelContext): Promise<void> {
  let found: Plugin;
  try {
    found = plugin();
  } catch (error) {
    const conf = readConf(hostLocalSchema, request.conf, { lenient: true });
    const released = await context.leases(dataDirOf(conf)).release(request.conf.name, ownerOf(request.attachment));
    if (released.length === 0) throw error;
    context.log.warn(`${messageOf(error)}; its addresses are released all the same`);
    return;
  }
  await found.del(request, context);
}

function constant<T>(value: T): () => T {
  return () => value;
}

function withoutInterface({ address, gateway }: IpConfig): IpConfig {
  return { address, ...(gateway === undefined ? {} : { gateway }) };
}

function isGc(request: PluginRequest): request is GcRequest {
  return "validAttachments" in request;
}
