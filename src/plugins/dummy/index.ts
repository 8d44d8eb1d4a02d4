/**
 * dummy: gives the container an interface that leads nowhere, for addresses that have to be somewhere.
 *
 * ADD    creates the link in the container, leases addresses, brings it up.
 * DEL    deletes the link and releases the addresses; already gone is success.
 * CHECK  compares kind, MAC, addresses and routes with prevResult, and that the link is up.
 * Refuses (7) to be without IPAM.
 */
import { allVersions, confSchema } from "../../cni/index.ts";
import { definePlugin } from "../contract/define.ts";
import { attachInterface, makeInterface } from "../interface/attach.ts";
import { broken, checkInterface } from "../interface/check.ts";
import { deleteInterface } from "../interface/delete.ts";

export const dummy = definePlugin<object>({
  type: "dummy",
  makesInterface: true,
  versions: allVersions,
  schema: confSchema("dummy"),
  ipam: "required",

  async add({ attachment, ipam }, context) {
    const link = makeInterface({ name: attachment.ifName, info: { kind: "dummy" } }, context);
    return await attachInterface({ link, attachment, ipam }, context);
  },

  async del({ attachment }, context) {
    deleteInterface(attachment, context);
  },

  async check(call, { container }) {
    const { name, up } = checkInterface(call, container, "dummy");
    if (!up) throw broken(`Cannot accept interface "${name}": it is down, expected it up`);
  },
});
