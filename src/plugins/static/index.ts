import type { Confs, IpConfig, Route } from "../../cni/index.ts";
import { CniError, allVersions, code, compareVersions, confSchema, parseArgs } from "../../cni/index.ts";
import { addressKey, formatAddress, parsePrefix } from "../../net/index.ts";
import type { Call } from "../contract/define.ts";
import { definePlugin } from "../contract/define.ts";
import { requirePrevResult } from "../interface/check.ts";
import { configuredRoutes } from "../interface/routes.ts";
import type { StaticAddress } from "./addresses.ts";
import { cidr, configuredAddresses, gatewaysIn, listed, toIpConfig, withGateway } from "./addresses.ts";

type StaticConf = Confs["static"];

interface StaticPlan {
  readonly addresses: readonly StaticAddress[];
  readonly routes: readonly Route[];
}

/**
 * static: the addresses the configuration names, kept nowhere.
 *
 * Addresses are those of `ipam.addresses` with those of CNI_ARGS behind them (IP, with the GATEWAY inside its subnet);
 * `args.cni.ips` replaces them all, and `runtimeConfig.ips` replaces that.
 *
 * ADD     answers with addresses, routes and dns; no address at all is left to the caller to judge.
 * DEL     has nothing to do.
 * CHECK   compares the gateway of each address that prevResult still has.
 * Refuses (7, in CNI_ARGS 4) an address without its prefix length, and two of a family below cniVersion 0.3.0.
 */
export const staticPlugin = definePlugin<StaticConf, StaticPlan>({
  type: "static",
  versions: allVersions,
  schema: confSchema("static"),
  ipam: "provider",
  read: (call) => ({ addresses: addressesOf(call), routes: configuredRoutes(call.conf.ipam?.routes) }),
  async add({ conf, plan: { addresses, routes } }) {
    return { interfaces: [], ips: addresses.map(toIpConfig), routes, dns: conf.ipam?.dns ?? {} };
  },
  async del() {},
  async check({ network, plan, prevResult: result }) {
    const prevResult = requirePrevResult(result, network);
    // The length of its prefix is the kernel's business: the interface plugin compares it with what is there.
    const keyOf = ({ address }: IpConfig): string => addressKey(parsePrefix(address).address);
    // The first of several counts.
    const present = new Map(prevResult.ips.toReversed().map((ip) => [keyOf(ip), ip]));
    for (const { address, gateway } of plan.addresses) {
      const found = present.get(addressKey(address.address));
      if (found === undefined || gateway === undefined || found.gateway === formatAddress(gateway)) continue;
      throw new CniError(
        code.attachmentBroken,
        `Cannot accept address ${found.address} of network "${network}": its gateway is ` +
          `${found.gateway ?? "absent"}, expected ${formatAddress(gateway)}`,
      );
    }
  },
});

function addressesOf({ conf, network, cniVersion, attachment }: Call<StaticConf>): readonly StaticAddress[] {
  if (conf.ipam === undefined)
    throw new CniError(
      code.invalidConfig,
      `Cannot use network "${network}": it has no ipam, expected one with addresses`,
    );
  // What is replaced must be right nevertheless, as it is in the reference.
  const written = [...configuredAddresses(conf.ipam.addresses), ...addressesOfArgs(attachment.args)];
  const fromArgs = conf.args?.cni?.ips ?? [];
  const fromRuntime = conf.runtimeConfig?.ips ?? [];
  const replacements = [
    fromArgs.map((text) => ({ address: cidr("args.cni.ips", text) })),
    fromRuntime.map((text) => ({ address: cidr("runtimeConfig.ips", text) })),
  ];
  const addresses = replacements.findLast((list) => list.length > 0) ?? written;
  if (compareVersions(cniVersion, "0.3.0") < 0) refuseSecondOfFamily(addresses, cniVersion);
  return addresses;
}

/** `IP=cidr[,cidr...]`, each with the `GATEWAY=ip[,ip...]` that its subnet contains. */
function addressesOfArgs(args: string): readonly StaticAddress[] {
  const { IP = "", GATEWAY = "" } = parseArgs(args, ["IP", "GATEWAY"]);
  refuseMany("IP", IP);
  refuseMany("GATEWAY", GATEWAY);
  const gateways = gatewaysIn(GATEWAY);
  return listed(IP).map((text) => withGateway(cidr("CNI_ARGS IP", text, code.invalidEnvironment), gateways));
}

/** What a pod may ask for as well; each address looks for its gateway. */
const argsMax = 1024;

function refuseMany(key: string, text: string): void {
  const { length } = listed(text);
  if (length > argsMax)
    throw new CniError(
      code.invalidEnvironment,
      `Cannot use CNI_ARGS ${key}: it has ${length} entries, expected at most ${argsMax}`,
    );
}

function refuseSecondOfFamily(addresses: readonly StaticAddress[], cniVersion: string): void {
  for (const family of [4, 6] as const) {
    const count = addresses.filter(({ address }) => address.address.family === family).length;
    if (count > 1)
      throw new CniError(
        code.invalidConfig,
        `Cannot use ${count} addresses of IPv${family}: expected at most one a family with cniVersion ${cniVersion}`,
      );
  }
}
