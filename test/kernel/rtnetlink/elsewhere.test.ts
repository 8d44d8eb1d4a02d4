// src/kernel/rtnetlink/elsewhere.ts: whose link it is that stands on a master, wherever it is.
import { spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import * as assert from "uvu/assert";
import { openNamespace, openOwnNamespace } from "../../../src/kernel/index.ts";
import type { Link, Namespace } from "../../../src/kernel/index.ts";
import { kernelSuite, makeNetns, run, until } from "../../helpers/netns.ts";

const kernel = kernelSuite("findElsewhere", import.meta.url, { needs: ["macvlan"] });

let host: Namespace, master = 0;
kernel.before(() => {
  host = openOwnNamespace();
  run("ip", "link", "add", "up0", "type", "veth", "peer", "far0");
  master = host.links.get("up0").index;
});
kernel.after(() => host.close());

const macvlan = ({ kind }: Link): boolean => kind === "macvlan";

kernel("finds a link in a namespace that has a name, and passes over what is like it", () => {
  const [blue, red] = [makeNetns("blue"), makeNetns("red")];
  // The same index as the host's link, in a namespace of its own.
  while (openNamespace(blue.path).links.find(master) === undefined)
    blue.exec("ip", "link", "add", "type", "veth");
  blue.exec("ip", "link", "add", "other", "link", openNamespace(blue.path).links.get(master).name, "type", "macvlan");
  assert.is(host.findElsewhere(master, macvlan), undefined);
  run("ip", "link", "add", "m0", "link", "up0", "netns", "red", "type", "macvlan");
  const found = host.findElsewhere(master, macvlan);
  assert.equal([found?.link.name, found?.path], ["m0", "/run/netns/red"]);
  assert.is(host.findElsewhere(master, ({ name }) => name === "m1"), undefined);
  assert.is(host.findElsewhere(host.links.get("far0").index, macvlan), undefined);
  for (const netns of [blue, red]) netns.remove();
});

kernel("finds a link in a namespace that has a process and no name", async () => {
  const child = spawn("unshare", ["--net", "sleep", "1000"], { stdio: "ignore" });
  const own = readlinkSync("/proc/self/ns/net"), path = `/proc/${child.pid}/ns/net`;
  await until("a namespace of its own", () => readlinkSync(path) !== own);
  run("ip", "link", "add", "m0", "link", "up0", "netns", String(child.pid), "type", "macvlan");
  const found = host.findElsewhere(master, macvlan);
  assert.equal([found?.link.name, found?.path], ["m0", path]);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
});
kernel.run();
