/**
 * macvlan: gives the container its own MAC address on a host link.
 *
 * ADD    creates the link in the container, leases addresses, brings it up.
 * DEL    deletes the link and releases the addresses; already gone is success.
 * CHECK  compares kind, mode, MAC, addresses and routes with prevResult.
 * STATUS whether the master is there and can carry such links.
 * Refuses (7) an MTU above the master's.     Source: linux/if_link.h, IFLA_MACVLAN_*
 */
import type { Confs } from "../../cni/index.ts";
import { allVersions, CniError, code, confSchema } from "../../cni/index.ts";
import type { Link, LinkSettings, NewLink } from "../../kernel/index.ts";
import { definePlugin } from "../contract/define.ts";
import { hasErrno } from "../contract/errno.ts";
import { attachInterface, makeInterface } from "../interface/attach.ts";
import { broken, checkInterface } from "../interface/check.ts";
import { deleteInterface } from "../interface/delete.ts";
import { requestedEthernetMac } from "../interface/mac.ts";
import type { Master } from "../interface/master.ts";
import {
  findMaster, linkOn, refusedOn, refuseMissingMaster, refuseMtuAbove, refusePort, shownOnMaster,
} from "../interface/master.ts";

export type MacvlanConf = Confs["macvlan"];

/** As far as the configuration alone says what the link is to be. */
interface MacvlanPlan extends Pick<NewLink, "mac"> {
  readonly info: { readonly kind: "macvlan" } & LinkSettings<"macvlan">;
}

export const macvlan = definePlugin<MacvlanConf, MacvlanPlan>({
  type: "macvlan",
  makesInterface: true,
  versions: allVersions,
  schema: confSchema("macvlan"),
  ipam: "optional",

  read({ attachment, conf }) {
    const { args } = attachment, { mac, runtimeConfig } = conf;
    return macvlanLink(
      conf,
      requestedEthernetMac({ configured: mac, args, runtimeConfig: runtimeConfig?.mac, stronger: "args" }),
    );
  },

  async add({ attachment, conf, plan, ipam }, context) {
    const master = findMaster(conf, context);
    refuseMtuAbove(master.link, conf.mtu);
    refusePort(master);
    const link = makeInterface({ ...linkOn(master, attachment.ifName, conf), ...plan }, context, (refusal) => (
      refusedOn(master, refusal)));
    try {
      const result = await attachInterface({ link, attachment, ipam, announce: true }, context);
      return { ...result, dns: conf.dns ?? {} };
    } catch (error) {
      // Only setting it up tells: the kernel looks at those that are up.
      throw hasErrno(error, "EADDRINUSE") ? takenMac(link, master, error) : error;
    }
  },

  status({ conf }, handles) {
    const master = refuseMissingMaster(conf, handles);
    if (master !== undefined) refusePort(master);
  },

  async del({ attachment }, context) {
    deleteInterface(attachment, context);
  },

  async check(call, handles) {
    const { conf, plan } = call;
    refuseMtuAbove(findMaster(conf, handles).link, conf.mtu);
    const { name, info } = checkInterface(call, handles.container, "macvlan");
    const mode = info?.kind === "macvlan" ? info.mode : undefined, wanted = plan.info.mode;
    if (mode !== wanted)
      throw broken(`Cannot accept interface "${name}": its macvlan mode is ${mode ?? "unknown"}, expected ${wanted}`);
  },
});

function takenMac({ name, mac = "" }: Link, master: Master, cause: unknown): CniError {
  const holder = master.link.mac === mac ? `link "${master.link.name}"`
    : shownOnMaster(master, (one) => one.mac === mac && one.up) ?? "a link of another network namespace";
  return new CniError(
    code.invalidConfig,
    `Cannot set interface "${name}" up: master "${master.link.name}" has MAC ${mac} in use by ${holder}, expected ` +
      "another MAC",
    { cause },
  );
}

export function macvlanLink(
  { mode, bcqueuelen = 0 }: Pick<MacvlanConf, "mode" | "bcqueuelen">,
  mac: string | undefined,
): MacvlanPlan {
  return {
    info: { kind: "macvlan", mode: mode || "bridge", ...(bcqueuelen === 0 ? {} : { bcQueueLength: bcqueuelen }) },
    ...(mac === undefined ? {} : { mac }),
  };
}
