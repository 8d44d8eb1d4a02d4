import * as assert from "uvu/assert";
import { deleteLinks } from "../../../src/kernel/rtnetlink/link-deletion.ts";
import { linkNames } from "../../../src/kernel/rtnetlink/link-names.ts";
import { slowRequestsHere } from "../../../src/kernel/slow-requests.ts";
import type { AnyRequest } from "../../../src/kernel/socket.ts";
import { NetlinkSocket } from "../../../src/kernel/socket.ts";
import { RTM_DELLINK } from "../../../src/netlink/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { ipJson, kernelSuite, run } from "../../helpers/netns.ts";

const NETLINK_ROUTE = 0;

let socket: NetlinkSocket, executed: AnyRequest[];
const group = kernelSuite("deleteLinks", import.meta.url);
group.before.each(() => {
  executed = [];
  socket = NetlinkSocket.open(NETLINK_ROUTE);
  const execute = socket.execute.bind(socket);
  socket.execute = (request) => {
    executed.push(request);
    execute(request);
  };
});
group.after.each(() => {
  socket.close();
  run("ip", "link", "set", "lo", "group", "default");
  for (const name of names()) if (name !== "lo") run("ip", "link", "del", name);
});

const names = (): string[] => ipJson("link show").map(({ ifname }) => ifname);

function bridges(count: number): number[] {
  for (let i = 0; i < count; i++) run("ip", "link", "add", `b${i}`, "type", "bridge");
  return ipJson("link show type bridge").filter(({ ifname }) => ifname !== "keep").map(({ ifindex }) => ifindex);
}

const sockets = () => ({ socket: () => socket, slow: slowRequestsHere(() => socket) });

/** Chance that gives these numbers, the last one for ever; and how often it was asked. */
function numbers(...given: readonly number[]): { readonly draw: () => Uint8Array; asked: number } {
  const chance = {
    asked: 0,
    draw: () => {
      const number = given[Math.min(chance.asked++, given.length - 1)] ?? 0;
      return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
    },
  };
  return chance;
}

const delLinks = (): number => executed.filter(({ type }) => type === RTM_DELLINK).length;

group("takes a group that no other link is in, nor would a new one be", async () => {
  const indexes = bridges(2), chance = numbers(7, 0, 0x8000_0007, 9);
  for (const name of names()) run("ip", "link", "set", name, "group", "8");
  run("ip", "link", "add", "keep", "group", "7", "type", "bridge");
  await deleteLinks(sockets(), { names: linkNames(), indexes }, chance.draw);
  assert.equal([names(), chance.asked], [["lo", "keep"], 4]);
  assert.is(ipJson("link show keep")[0].group, "7");
});

group("gives up, with nothing changed, when every group it comes to is somebody's", async () => {
  const indexes = bridges(2), chance = numbers(7);
  run("ip", "link", "add", "keep", "group", "7", "type", "bridge");
  const error = await rejects(deleteLinks(sockets(), { names: linkNames(), indexes }, chance.draw), "ENOSPC");
  assert.is(error.message, "Cannot delete links: kernel said ENOSPC (no unused link group found in 16 tries)");
  assert.equal(names().toSorted(), ["b0", "b1", "keep", "lo"]);
  assert.equal(ipJson("link show").map((link) => link.group).toSorted(), ["7", "default", "default", "default"]);
});

group("takes eight links in one request, and one in one", async () => {
  await deleteLinks(sockets(), { names: linkNames(), indexes: bridges(8) });
  assert.equal([names(), delLinks()], [["lo"], 1]);
  await deleteLinks(sockets(), { names: linkNames(), indexes: bridges(1) });
  assert.equal([names(), delLinks()], [["lo"], 2]);
});
group.run();
