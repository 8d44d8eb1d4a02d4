import type { IpConfig, Result } from "../../cni/index.ts";
import { CniError, code, confSchema, messageOf, readConf } from "../../cni/index.ts";
import { hostLocalSchema } from "../host-local/conf.ts";
import { claimantOf, scopeOf, storeOf } from "../host-local/store.ts";
import type {
  AddContext,
  DelContext,
  GcRequest,
  Handles,
  IpamUse,
  Plugin,
  PluginRequest,
  Step,
  StepRequest,
} from "./plugin.ts";

/** The IPAM plugin of one ADD: it has read the same request, and gets the same handles. */
export interface Ipam {
  /**
   * What IPAM gives: at least one address, routes and dns; no interfaces yet.
   *
   * @throws CniError 7 when the answer holds no address; what it reserved is released by its own undo step
   */
  add(context: AddContext): Promise<Result>;
}

/** Whether a plugin has its addresses from the one in `ipam.type`. */
export function isDelegating(use: IpamUse | undefined): boolean {
  return use === "required" || use === "optional";
}

/**
 * The IPAM plugin of that type, built in or executed.
 *
 * @throws CniError 7 when it is one of ours that gives no addresses; asked for some, it would ask itself
 */
export function ipamPlugin(type: string, { conf }: StepRequest, { plugin }: Handles): Plugin {
  const found = plugin(type, conf);
  if (!givesNoAddresses(type, found)) return found;
  throw new CniError(
    code.invalidConfig,
    `Cannot use network "${conf.name}": ipam.type is "${type}", which gives no addresses; expected the type of an ` +
      "IPAM plugin",
  );
}

/**
 * Whether that type, with the built-in plugin of it, is known to be no IPAM plugin. Asked for addresses, most of those
 * would ask themselves again and again, an executable each time in a process more.
 */
export function givesNoAddresses(type: string, plugin: Pick<Plugin, "ipam"> | undefined): boolean {
  const { ipam = delegatingElsewhere.has(type) ? "required" : "provider" } = plugin ?? {};
  return ipam !== "provider";
}

/** The reference's that are not built in. Of others nobody knows: Antrea's, for one, is its own IPAM plugin. */
const delegatingElsewhere: ReadonlySet<string> = new Set(["tap"]);

/** Whether a plugin, so configured, works on what one before it has made, and can be no network's first. */
export function isChained(plugin: Pick<Plugin, "isChained" | "isChainedWithoutIpam">, conf: object): boolean {
  if (plugin.isChainedWithoutIpam !== true) return plugin.isChained === true;
  const { ipam } = readConf(generic, conf, { lenient: true });
  return (ipam?.type ?? "") === "";
}

const generic = confSchema("plugin-conf");

export async function leaseAddresses(
  step: Step,
  { ipamType = "", network, prevResult }: LeaseRequest,
  context: AddContext,
): Promise<Result> {
  const answer = await step.add(prevResult, context);
  if (answer.ips.length === 0) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use the answer of IPAM "${ipamType}" in network "${network}": it holds no address, expected at least one`,
    );
  }
  // A delegated answer has no interfaces, and its addresses belong to none (CNI specification 1.1.0, section 4).
  return { ...answer, interfaces: [], ips: answer.ips.map(withoutInterface) };
}

interface LeaseRequest {
  readonly ipamType: string | undefined;
  readonly network: string;
  readonly prevResult: Result | undefined;
}

/** Whether it is asked for what it gave before the link goes; one that is not there any more is asked last. */
export function releasesOverLink(type: string, { plugin }: Handles): boolean {
  try {
    return plugin(type).releasesOverLink === true;
  } catch {
    return false;
  }
}

/** A plugin or module that is not there any more keeps no address of ours: those are known by their owner. */
export async function releaseAddresses(type: string, request: PluginRequest, context: DelContext): Promise<void> {
  let found: Plugin;
  try {
    found = context.plugin(type, request.conf);
  } catch (error) {
    const conf = readConf(hostLocalSchema, request.conf, { lenient: true });
    const store = context.leases(storeOf(conf, request)), { conf: { name }, attachment } = request;
    const released = await store.release(scopeOf(conf, name), claimantOf(conf, name, attachment));
    if (released.length === 0) throw error;
    context.log.warn(`${messageOf(error)}; its addresses are released all the same`);
    return;
  }
  // No ADD came further than to one that gives none.
  if (!givesNoAddresses(type, found)) await found.del(request, context);
}

export async function collectAddresses(type: string, request: GcRequest, handles: Handles): Promise<void> {
  const found = handles.plugin(type, request.conf);
  if (!givesNoAddresses(type, found)) await found.gc(request, handles);
}

function withoutInterface({ address, gateway }: IpConfig): IpConfig {
  return { address, ...(gateway === undefined ? {} : { gateway }) };
}
