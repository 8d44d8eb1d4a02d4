import type { Link } from "../namespace.ts";
import { linkNames } from "./link-names.ts";
import type { WholeAddresses } from "./whole-addresses.ts";
import { wholeAddressesOf } from "./whole-addresses.ts";
import type { WholeRoutes } from "./whole-routes.ts";
import { wholeRoutesOf } from "./whole-routes.ts";
import { NetlinkSocket } from "../socket.ts";
import { NETLINK_ROUTE } from "../transport.ts";

/** Addresses and routes of the namespace this process runs in, whole: for who moves them to another link. */
export interface WholeState {
  readonly addresses: WholeAddresses;
  readonly routes: WholeRoutes;
  close(): void;
}

/** @param links  whose names are told in errors */
export function openWholeState(links: readonly Pick<Link, "index" | "name">[]): WholeState {
  const socket = NetlinkSocket.open(NETLINK_ROUTE), names = linkNames();
  for (const { index, name } of links) names.note(index, name);
  return {
    addresses: wholeAddressesOf(() => socket, names),
    routes: wholeRoutesOf(() => socket, names),
    close: () => socket.close(),
  };
}
