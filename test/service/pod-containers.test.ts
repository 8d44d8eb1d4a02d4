// src/service/pod-containers.ts: whose a container is, and how many files are read for that.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PodContainers } from "../../src/service/index.ts";
import { removeScratch, saveScratch } from "../../src/store/index.ts";
import { opened } from "../helpers/counts/opened.ts";

const foreign = 1_000;
const delegates = [{ displayName: "blue", confText: '{"cniVersion":"1.0.0","name":"blue","type":"bridge"}', list: false,
  fromFile: false, requests: {} }];

let directory = "";

function write(containerId: string, uid: string, ifName = "eth0"): void {
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_UID=${uid}`;
  const multiplexer = { network: "pods", ifName, netns: `/run/netns/${containerId}`, args };
  saveScratch(directory, { containerId, ifName }, { multiplexer, delegates });
}

const found = (containers: PodContainers, ...uids: readonly string[]): readonly string[] =>
  containers.of(new Set(uids)).map(({ containerId, ifName, uid }) => `${uid} ${containerId} ${ifName}`);

const containers = suite("the containers of a pod");
containers.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-pods-")); });
containers.after.each(() => rmSync(directory, { recursive: true }));

containers("are found among a thousand of others and a damaged one, whose files are read once", () => {
  for (let i = 0; i < foreign; i++) write(`other-${i}`, `uid-${i}`);
  writeFileSync(join(directory, "broken"), "[{");
  write("web", "mine");
  const known = new PodContainers([directory, join(directory, "none")], []);
  assert.ok(opened(directory, () => assert.equal(found(known, "mine"), ["mine web eth0"])) >= foreign);
  // Of the pod's own container the scratch file, in both its names, and its cached results.
  const most = 5;
  const count = opened(directory, () => assert.equal(found(known, "mine"), ["mine web eth0"]));
  assert.ok(count <= most, `${count} files are read of ${foreign}`);
  assert.is(opened(directory, () => assert.equal(found(known, "nobody"), [])), 0);
});

containers("are told with all that is known of them", () => {
  write("web", "mine");
  const [one] = new PodContainers([directory], ["/opt/cni/bin"]).of(new Set(["mine"]));
  assert.equal([one?.stateDir, one?.source, one?.networks.length, one?.multiplexer?.netns],
    [directory, "scratch", 1, "/run/netns/web"]);
});

containers("are looked at anew when they come, go, are written again or get a second interface", () => {
  const known = new PodContainers([directory], []);
  assert.equal(found(known, "a"), []);
  write("one", "a");
  write("two", "b");
  assert.equal(found(known, "a"), ["a one eth0"]);
  write("two", "a");
  write("one", "a", "eth1");
  assert.equal(found(known, "a", "b"), ["a one eth0", "a one eth1", "a two eth0"]);
  removeScratch(directory, { containerId: "one", ifName: "eth0" });
  assert.equal(found(known, "a"), ["a one eth1", "a two eth0"]);
  writeFileSync(join(directory, "two"), "{}");
  assert.equal(found(known, "a"), ["a one eth1"]);
  write("two", "a");
  assert.equal(found(known, "a"), ["a one eth1", "a two eth0"]);
});

containers.run();
