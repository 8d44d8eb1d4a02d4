import { statSync } from "node:fs";
import type { Identity, ShimCall } from "./message.ts";

/** Where this process is; shim.c says the same of itself. */
export function ownIdentity(): Identity {
  return {
    mount: identityOf("/proc/self/ns/mnt"),
    net: identityOf("/proc/self/ns/net"),
    user: identityOf("/proc/self/ns/user"),
    root: identityOf("/"),
  };
}

function identityOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

/**
 * Why a call means something else here than where it was made; undefined when it is the same. Its paths would be other
 * files, its links those of another host, or of none at all.
 */
export function whyElsewhere({ identity, env }: ShimCall, own: Identity): string | undefined {
  const names = { mount: "mount namespace", net: "network namespace", user: "user namespace", root: "root directory" };
  for (const [key, name] of Object.entries(names))
    if (identity[key as keyof Identity] !== own[key as keyof Identity]) return `it was made in another ${name}`;
  const netns = env["CNI_NETNS"] ?? "";
  if (netns !== "" && !netns.startsWith("/")) return "CNI_NETNS is relative to another directory";
  if (/^\/+(proc\/+(thread-)?self|dev\/+fd)\//.test(netns)) return "CNI_NETNS is the caller's own";
  const isRelative = (directory: string) => directory !== "" && !directory.startsWith("/");
  if ((env["CNI_PATH"] ?? "").split(":").some(isRelative)) return "CNI_PATH is relative to another directory";
  return undefined;
}
