import type { Confs } from "../../cni/index.ts";
import { CniError, code, confSchema, readConf } from "../../cni/index.ts";
import { formatPrefix } from "../../net/index.ts";
import type { PluginConf, StepRequest } from "../contract/plugin.ts";
import type { SubnetEnv } from "./subnet-env.ts";

/** What is said of the delegate, before flanneld's part is known. */
export interface FlannelSettings {
  readonly subnetFile: string;
  readonly dataDir: string;
  /** The delegate's type. */
  readonly type: string;
  /** The delegate's own keys. */
  readonly delegate: Readonly<Record<string, unknown>>;
  /** What its `ipam` section is made of. */
  readonly ipam: Readonly<Record<string, unknown>>;
}

/** The reference's. */
export const defaultSubnetFile = "/run/flannel/subnet.env", defaultDataDir = "/var/lib/cni/flannel";

const schema = confSchema("flannel");

/** @throws CniError 7 for a delegate that cannot be one, and for files that only the node may choose */
export function flannelSettings({ conf: raw, trusted = false }: StepRequest): FlannelSettings {
  const settings = settingsOf(readConf(schema, raw), raw);
  for (const key of ["name", "ipam"]) {
    if (!Object.keys(settings.delegate).some((one) => one.toLowerCase() === key)) continue;
    throw refused(`Cannot use delegate.${key}: flannel sets it, expected it beside "delegate"`);
  }
  const { type } = settings.delegate;
  if (type !== undefined && (typeof type !== "string" || type === ""))
    throw refused(`Cannot use delegate.type: it is ${JSON.stringify(type)}, expected the type of a plugin`);
  if (settings.type === "flannel")
    throw refused('Cannot use delegate.type "flannel": it would delegate to itself, expected another plugin');
  const { routes } = settings.ipam;
  if (routes !== undefined && routes !== null && !Array.isArray(routes))
    throw refused(`Cannot use ipam.routes: it is ${JSON.stringify(routes)}, expected a list`);
  refuseForeignPath("subnetFile", settings.subnetFile, defaultSubnetFile, trusted);
  refuseForeignPath("dataDir", settings.dataDir, defaultDataDir, trusted);
  return settings;
}

/** The same for DEL and GC: what does not fit counts as absent, and files are where ADD must have had them. */
export function lenientSettings({ conf: raw, trusted = false }: StepRequest): FlannelSettings {
  const settings = settingsOf(readConf(schema, raw, { lenient: true }), raw);
  return trusted ? settings : { ...settings, subnetFile: defaultSubnetFile, dataDir: defaultDataDir };
}

function settingsOf(conf: Partial<Confs["flannel"]>, raw: PluginConf): FlannelSettings {
  const { type } = delegateOf(conf);
  return {
    subnetFile: conf.subnetFile || defaultSubnetFile, dataDir: conf.dataDir || defaultDataDir,
    type: typeof type === "string" && type !== "" ? type : "bridge",
    delegate: delegateOf(conf), ipam: valueOf(raw, "ipam"),
  };
}

function delegateOf({ delegate = {} }: Partial<Confs["flannel"]>): Readonly<Record<string, unknown>> {
  // The schema holds it to an object, and says nothing of its keys.
  return delegate as Readonly<Record<string, unknown>>;
}

/** An object of the configuration with all its keys, whatever the case of its own; the last one counts. */
function valueOf(raw: PluginConf, lowerKey: string): Readonly<Record<string, unknown>> {
  const [, value] = Object.entries(raw).findLast(([key]) => key.toLowerCase() === lowerKey) ?? [];
  // The schema has held it to an object where it is there.
  return typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : {};
}

/** Where anybody who may write a definition could have files read and made, only the node may choose. */
function refuseForeignPath(key: string, path: string, usual: string, trusted: boolean): void {
  if (trusted || path === usual) return;
  throw refused(`Cannot use ${key} "${path}": only the node's own configuration may choose it, expected none`);
}

/**
 * The delegate's configuration. Without flanneld's part it is what a DEL works from.
 *
 * @see https://github.com/flannel-io/cni-plugin, Network configuration reference
 */
export function delegateConf(settings: FlannelSettings, own: PluginConf, env: SubnetEnv | undefined): PluginConf {
  const { delegate, type } = settings, { cniVersion, name } = own;
  const present = new Set(Object.keys(delegate).map((key) => key.toLowerCase()));
  const defaults = Object.entries({
    ...(env === undefined ? {} : { ipMasq: !env.ipMasq, mtu: env.mtu }),
    ...(type === "bridge" ? { isGateway: true } : {}),
  }).filter(([key]) => !present.has(key.toLowerCase()));
  const runtimeConfig = valueOf(own, "runtimeconfig");
  return {
    ...Object.fromEntries(defaults), ...delegate, cniVersion, name, type, ipam: delegateIpam(settings.ipam, env),
    ...(Object.keys(runtimeConfig).length === 0 ? {} : { runtimeConfig }),
  };
}

function delegateIpam(base: Readonly<Record<string, unknown>>, env: SubnetEnv | undefined): object {
  const { type, routes, ...others } = base;
  // The addresses are flanneld's alone.
  const { subnet: _subnet, ranges: _ranges, rangeStart: _start, rangeEnd: _end, ...kept } = others;
  const own = Array.isArray(routes) ? routes as readonly unknown[] : [];
  return {
    ...(env === undefined ? others : kept), type: type ?? "host-local",
    ...(env === undefined ? {} : {
      ranges: env.subnets.map((subnet) => [{ subnet: formatPrefix(subnet) }]),
      routes: [...own, ...env.networks.map((network) => ({ dst: formatPrefix(network) }))],
    }),
  };
}

export function refused(message: string): CniError {
  return new CniError(code.invalidConfig, message);
}
