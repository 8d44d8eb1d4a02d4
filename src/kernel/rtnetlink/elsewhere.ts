import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Link, LinkElsewhere, Namespace } from "../namespace.ts";

/** Where programs mount namespaces that have a name. */
const directories = ["/run/netns", "/run/docker/netns"];
/** More than a node has; keeps the search within a second or two. */
const namespacesMax = 1024;

/**
 * See Namespace.findElsewhere.
 *
 * @param home  the namespace the master is in
 */
export function findElsewhere(
  home: Pick<Namespace, "path" | "fd">, master: number, matches: (link: Link) => boolean,
  open: (path: string) => Namespace,
): LinkElsewhere | undefined {
  for (const path of paths()) {
    try {
      using opened = disposable(open(path));
      const { links } = opened.namespace;
      const on = links.list().filter(({ parent }) => parent === master).filter(matches);
      // An index says which link only together with the namespace it is of.
      const id = on.length === 0 ? undefined : links.namespaceId(home);
      const link = on.find(({ parentNamespaceId }) => parentNamespaceId !== undefined && parentNamespaceId === id);
      if (link !== undefined) return { link, path };
    } catch {
      // It is gone by now, or is none.
    }
  }
  return undefined;
}

/** One path for each namespace: its name, else a process in it. */
function paths(): readonly string[] {
  const named = directories.flatMap((directory) => entries(directory).map((name) => join(directory, name)));
  const own = target("/proc/thread-self/ns/net"), byNamespace = new Map<string, string>();
  for (const pid of entries("/proc").filter((name) => /^\d+$/.test(name))) {
    const path = `/proc/${pid}/ns/net`, namespace = target(path);
    if (namespace !== "" && namespace !== own && !byNamespace.has(namespace)) byNamespace.set(namespace, path);
  }
  return [...named, ...byNamespace.values()].slice(0, namespacesMax);
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** `net:[4026531840]`; "" where nothing can be seen. */
function target(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function disposable(namespace: Namespace): Disposable & { readonly namespace: Namespace } {
  return { namespace, [Symbol.dispose]: () => namespace.close() };
}
