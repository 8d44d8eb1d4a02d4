// The networks that podman makes by itself, with our executables as its only plugins: traffic, isolation, nothing left.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { boxSuite } from "../../helpers/box.ts";
import { builtDist } from "../../helpers/dist.ts";
import { run, until } from "../../helpers/netns.ts";
import type { Podman } from "../../runtimes/podman.ts";
import { answers, asks, enterPodmanBox, inside, leftovers, podmanPrograms, reaches } from "../../runtimes/podman.ts";

const podmanSuite = boxSuite("podman's own networks", import.meta.url,
  { programs: podmanPrograms, needs: ["nft_nat"] });

let podman: Podman;
podmanSuite.before(() => {
  podman = enterPodmanBox([join(builtDist(), "bin")]);
  run("iptables", "-P", "FORWARD", "DROP");
});
podmanSuite.after(() => podman.leave());

podmanSuite("create, run with a published port, connect, restart, rm: packets pass, nothing is left", async () => {
  run("podman", "network", "create", "front");
  const conf = JSON.parse(readFileSync(join(podman.box.confDir, "front.conflist"), "utf8"));
  assert.equal(conf.plugins.map(({ type }: any) => type), ["bridge", "portmap", "firewall", "tuning"]);
  const { start } = podman, web = start("web", "--network", "front", "-p", "8080:80");
  const other = start("other", "--network", "front");
  assert.match(run("iptables-save", "-t", "filter"), `-A CNI-FORWARD -s ${web}/32 -j ACCEPT`);
  await until("an answer to another container", () => inside("other", ...asks(`${web}:80`)));
  const [gateway = {}] = JSON.parse(run("podman", "network", "inspect", "front"))[0].subnets as any[];
  assert.ok(answers(`${gateway.gateway}:8080`), "the published port");
  run("podman", "restart", "-t", "0", "other");
  assert.ok(reaches("other", web), other);
  run("podman", "network", "create", "--driver", "bridge", "second");
  run("podman", "network", "connect", "second", "other");
  assert.equal(JSON.parse(run("ip", "-j", "link", "show", "type", "veth")).length, 3);
  run("podman", "network", "disconnect", "second", "other");
  run("podman", "rm", "-f", "-t", "0", "web", "other");
  assert.equal(leftovers(), []);
});

podmanSuite("isolated networks do not reach each other; an internal one works", () => {
  for (const name of ["foo", "bar"]) run("podman", "network", "create", "--opt", "isolate=true", name);
  run("podman", "network", "create", "--internal", "inner");
  const conf = JSON.parse(readFileSync(join(podman.box.confDir, "foo.conflist"), "utf8"));
  assert.is(conf.plugins.find(({ type }: any) => type === "firewall").ingressPolicy, "same-bridge");
  const { start } = podman, foo1 = start("foo1", "--network", "foo"), foo2 = start("foo2", "--network", "foo");
  const bar = start("bar1", "--network", "bar");
  assert.equal([reaches("foo1", foo2), reaches("foo1", bar, "1"), reaches("bar1", foo1, "1")], [true, false, false]);
  const inner1 = start("inner1", "--network", "inner");
  start("inner2", "--network", "inner");
  assert.ok(reaches("inner2", inner1));
  run("podman", "rm", "-af", "-t", "0");
  for (const name of ["foo", "bar", "inner"]) run("podman", "network", "rm", name);
  assert.equal(leftovers().filter((line) => !/oifname|iifname/.test(line)), []);
});

podmanSuite.run();
