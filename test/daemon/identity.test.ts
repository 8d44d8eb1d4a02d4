// src/daemon/identity.ts: a call from elsewhere is not served.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ownIdentity, whyElsewhere } from "../../src/daemon/identity.ts";
import type { ShimCall } from "../../src/daemon/message.ts";

const own = { mount: "4:1", net: "4:2", user: "4:3", root: "8:4" };

function call(changes: Partial<typeof own>, env: Readonly<Record<string, string>> = {}): ShimCall {
  return { programVersion: "0.1.0", name: "bridge", stdin: "", identity: { ...own, ...changes }, env };
}

const elsewhere = suite("whyElsewhere");
for (const [what, changes, env, expected] of [
  ["the same place", {}, {}, undefined],
  ["absolute paths", {}, { CNI_NETNS: "/run/netns/a", CNI_PATH: "/opt/cni/bin::/usr/lib/cni" }, undefined],
  ["a process's namespace", {}, { CNI_NETNS: "/proc/17/ns/net" }, undefined],
  ["another mount namespace", { mount: "4:9" }, {}, "it was made in another mount namespace"],
  ["another network namespace", { net: "4:9" }, {}, "it was made in another network namespace"],
  ["another user namespace", { user: "4:9" }, {}, "it was made in another user namespace"],
  ["another root", { root: "-" }, {}, "it was made in another root directory"],
  ["a relative namespace", {}, { CNI_NETNS: "netns/a" }, "CNI_NETNS is relative to another directory"],
  ["the caller's own namespace", {}, { CNI_NETNS: "/proc/self/ns/net" }, "CNI_NETNS is the caller's own"],
  ["the caller's thread's", {}, { CNI_NETNS: "//proc//thread-self/ns/net" }, "CNI_NETNS is the caller's own"],
  ["a descriptor of the caller", {}, { CNI_NETNS: "/dev/fd/3" }, "CNI_NETNS is the caller's own"],
  ["a relative search path", {}, { CNI_PATH: "/a:bin" }, "CNI_PATH is relative to another directory"],
] as const) elsewhere(`tells ${what}`, () => {
  assert.is(whyElsewhere(call(changes, env), own), expected);
});
elsewhere.run();

const identity = suite("ownIdentity");
identity("is what a shim says of itself beside us", () => {
  for (const part of Object.values(ownIdentity())) assert.match(part, /^\d+:\d+$/);
});
identity.run();
