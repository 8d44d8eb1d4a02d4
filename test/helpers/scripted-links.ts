import type { Link, Links } from "../../src/kernel/index.ts";

/** Links that are only there to be found, by name and MAC. */
export function linksOf(links: readonly (readonly [name: string, mac: string])[]): Links {
  const all = links.map(([name, mac], i): Link => (
    { index: i + 1, name, mac, mtu: 1500, up: false, loopback: false, promiscuity: 0, allMulticast: false,
      operState: "down", group: 0 }));
  const refuse = (): never => {
    throw new Error("these links can only be looked at");
  };
  const find = (link: number | string): Link | undefined => all.find(({ name, index }) => name === link
    || index === link);
  return {
    find,
    get: (link) => find(link) ?? refuse(),
    namespaceId: () => undefined,
    list: () => all,
    add: refuse, set: refuse, setBridgePort: refuse, setInfo: refuse, delete: refuse, deleteAll: refuse,
  };
}
