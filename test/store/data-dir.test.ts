// src/store/data-dir.ts: where anybody's networks may have reservations kept, and where not.
import {
  chmodSync, chownSync, existsSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { refuseDataDir } from "../../src/store/index.ts";
import { throws } from "../helpers/errors.ts";

let base = "";
const test = suite("refuseDataDir");
test.before.each(() => { base = mkdtempSync(join(tmpdir(), "polynic-data-dir-")); });
test.after.each(() => rmSync(base, { recursive: true }));

const usual = ["/var/lib/cni/networks", "/run/my-orchestrator/container-ipam-state", "/var/run/ipam", "/mnt/ipam"];
for (const dataDir of usual)
  test(`lets ${dataDir} be, as it is used today`, () => refuseDataDir(dataDir, undefined));

const refused: readonly (readonly [string, RegExp])[] = [
  ["networks", /no absolute path/],
  ["/etc/cni", /not below one of \/var\/lib, \/run/],
  ["/run/../etc/cron.d", /not below one of/],
  ["/", /not below one of/],
  ["/proc/self/root/var/lib/cni", /through \/proc, expected a directory that only root can write, or to be named by/],
  ["/dev/fd/../root/var/lib/cni", /through \/proc/],
  ["/var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/x", /below "kubelet"/],
  ["/run/containerd/io.containerd.runtime.v2.task/k8s.io/c/rootfs/x", /below "containerd"/],
];
for (const [dataDir, message] of refused)
  test(`refuses ${dataDir}`, () => assert.match(throws(() => refuseDataDir(dataDir, undefined), 7).message, message));

test("refuses a directory that others can write, on the way or at its end, and makes nothing", () => {
  const volume = join(base, "volume");
  mkdirSync(volume);
  refuseDataDir(join(volume, "x"), undefined);
  for (const mode of [0o777, 0o775, 0o2777]) {
    chmodSync(volume, mode);
    for (const dataDir of [volume, join(volume, "x")])
      assert.match(throws(() => refuseDataDir(dataDir, undefined), 7).message, /volume has mode/);
  }
  chmodSync(volume, 0o1777);
  throws(() => refuseDataDir(volume, undefined), 7);
  refuseDataDir(join(volume, "x"), undefined);
  assert.not(existsSync(join(volume, "x")));
});

test("refuses somebody else's directory", () => {
  if (process.geteuid?.() !== 0) return;
  mkdirSync(join(base, "theirs"));
  chownSync(join(base, "theirs"), 1000, 1000);
  assert.match(throws(() => refuseDataDir(join(base, "theirs", "x"), undefined), 7).message, /belongs to user 1000/);
});

test("follows no link of somebody else's, and no circle", () => {
  symlinkSync("loop", join(base, "loop"));
  assert.match(throws(() => refuseDataDir(join(base, "loop"), undefined), 7).message, /too many symbolic links/);
  if (process.geteuid?.() !== 0) return;
  symlinkSync("/var/lib/cni", join(base, "theirs"));
  lchownSync(join(base, "theirs"), 1000, 1000);
  assert.match(throws(() => refuseDataDir(join(base, "theirs"), undefined), 7).message, /is a link of user 1000/);
});

test("looks at where links lead", () => {
  symlinkSync("/etc", join(base, "link"));
  throws(() => refuseDataDir(join(base, "link", "x"), undefined), 7);
  mkdirSync(join(base, "real"));
  symlinkSync(join(base, "real"), join(base, "inside"));
  refuseDataDir(join(base, "inside", "x"), undefined);
  writeFileSync(join(base, "file"), "");
  assert.match(throws(() => refuseDataDir(join(base, "file"), undefined), 7).message, /is no directory/);
});

test("lets the node name places, and then none else; it vouches for what it names and not for what is below", () => {
  const named = join(base, "named");
  mkdirSync(join(named, "below"), { recursive: true });
  chmodSync(named, 0o777);
  refuseDataDir(join(named, "below"), [named]);
  refuseDataDir(named, [join(base, "other"), `${named}/`]);
  chmodSync(join(named, "below"), 0o777);
  throws(() => refuseDataDir(join(named, "below"), [named]), 7);
  assert.match(throws(() => refuseDataDir("/var/lib/cni/networks", [named]), 7).message, /not below one of/);
  throws(() => refuseDataDir(`${named}-more`, [named]), 7);
  throws(() => refuseDataDir(named, []), 7);
});

test.run();
