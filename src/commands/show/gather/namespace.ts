/** A network namespace as the kernel tells of it. */
import type { Link, LinkInfo, Namespace } from "../../../kernel/index.ts";
import { formatPrefix } from "../../../net/index.ts";
import type { LinkFacts, NamespaceFacts } from "../facts.ts";

/** @param host  to tell parents in it from those elsewhere; undefined where the namespace is the host itself */
export function namespaceFacts(namespace: Namespace, host?: Namespace): NamespaceFacts {
  const addresses = Map.groupBy(namespace.addresses.list(), ({ index }) => index);
  const hostId = host === undefined ? undefined : namespace.links.namespaceId(host);
  return {
    links: namespace.links.list().map((link) => {
      const own = (addresses.get(link.index) ?? []).map(formatPrefix);
      return { ...linkFacts(link), ...parentOf(link, hostId), addresses: own };
    }),
  };
}

function linkFacts({ index, name, kind = "", info, up, mtu, mac, master }: Link): Omit<LinkFacts, "addresses"> {
  return {
    index, name, kind, up, mtu,
    detail: info === undefined ? "" : detailOf(info),
    ...(mac === undefined ? {} : { mac }),
    ...(master === undefined ? {} : { master }),
  };
}

function parentOf(
  { parent, parentNamespaceId: id }: Link,
  hostId: number | undefined,
): Pick<LinkFacts, "parent" | "parentIn"> {
  // 0 stands for none where the kernel tells it.
  if (parent === undefined || parent === 0) return {};
  return { parent, parentIn: id === undefined ? "here" : id === hostId ? "host" : "elsewhere" };
}

function detailOf(info: LinkInfo): string {
  switch (info.kind) {
    case "macvlan": case "ipvlan": return info.mode === undefined ? "" : `mode ${info.mode}`;
    case "vlan": return info.id === undefined ? "" : `id ${info.id}`;
    case "vxlan": return info.id === undefined ? "" : `vni ${info.id}`;
    case "vrf": return info.table === undefined ? "" : `table ${info.table}`;
    default: return "";
  }
}
