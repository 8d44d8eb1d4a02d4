// polynic install --daemon: units that systemd would take, told of once, and gone again; killed at every step.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodeFiles } from "../../../src/commands/install/node/files.ts";
import { hearsUs, unitsFor } from "../../../src/commands/install/node/units.ts";
import type { PretendNode } from "../../helpers/pretend-node.ts";
import { binDir, confDir, dyingFiles, pretendNode, runtimeProblem, wasKilled } from "../../helpers/pretend-node.ts";

const units = "etc/systemd/system", socket = `${units}/polynic.socket`, service = `${units}/polynic.service`;
const enabled = `${units}/sockets.target.wants/polynic.socket`;
const start = ["daemon-reload", "start polynic.socket", "--no-block try-restart polynic.service"];

function node(systemd = true): PretendNode {
  const made = pretendNode({ systemd });
  made.write(`${confDir}/10-flannel.conflist`, { cniVersion: "1.0.0", name: "cbr0", plugins: [{ type: "flannel" }] });
  made.write(`${units}/other.service`, "somebody else's");
  return made;
}

const install = suite("polynic install --daemon");
install("writes and enables the units, has systemd read them, and does nothing the second time", () => {
  using one = node();
  const { notes } = one.install(["--daemon"]);
  assert.match(one.read(service), `\nExecStart=/${binDir}/polynic daemon --idle-exit 300\n`);
  assert.match(one.read(socket), "\nListenStream=/run/polynic/polynic.sock\n");
  assert.is(one.snapshot()[enabled], "-> ../polynic.socket");
  assert.equal([one.systemd.told, one.systemd.listens, notes], [start, true, []]);
  assert.equal(one.planInstall(["--daemon"]).steps, []);
});
install("leaves the units as they are when it is run without a word of them", () => {
  using one = node();
  one.install(["--daemon"]);
  assert.equal(one.planInstall().steps, []);
  assert.is(one.has(socket), true);
});
install("has the daemon of another tree end, once", () => {
  using one = node();
  one.install(["--daemon"]);
  one.ship("2");
  one.install();
  assert.equal(one.systemd.told, [...start, ...start]);
  assert.equal(one.planInstall().steps, []);
});
install("says what is to be done where no systemd can be told, and does so when one can be", () => {
  using one = node(false);
  const { notes } = one.install(["--daemon"]);
  assert.equal(one.systemd.told, []);
  assert.is(one.has(enabled), true);
  assert.match(notes.join("\n"), /is enabled and does not listen yet.*expected systemctl daemon-reload && systemctl/);
});
install("=false stops, disables and removes them, and nothing else", () => {
  using one = node();
  one.install();
  const before = one.snapshot(/install\.json/);
  one.install(["--daemon"]);
  one.install(["--daemon=false"]);
  assert.equal(one.systemd.told.slice(start.length), ["stop polynic.socket polynic.service", "daemon-reload"]);
  assert.equal([socket, service, enabled].map(one.has), [false, false, false]);
  assert.is(one.systemd.listens, false);
  assert.equal(one.snapshot(/install\.json|wants/), before);
});
install("puts units of somebody else aside, and uninstall gives them back", () => {
  using one = node();
  one.write(service, "by hand");
  const before = one.snapshot();
  one.install(["--daemon"]);
  assert.is(one.read(`${service}.before-polynic`), "by hand");
  one.uninstall();
  assert.equal(one.snapshot(), before);
});
install("tells which step systemd refused, and goes on from there the next time", () => {
  using one = node();
  const refusing = { ...nodeFiles, systemctl: () => ({ status: 1, said: "Access denied" }) };
  assert.throws(() => one.install(["--daemon"], refusing),
    /Cannot run systemctl daemon-reload: it ended with status 1 and said: Access denied/);
  one.install(["--daemon"]);
  assert.equal(one.systemd.told, start);
});
install("is not for a plugin directory that is to be left alone", () => {
  using one = node();
  assert.throws(() => one.install(["--daemon", "--skip-multus-binary-copy"]), /expected one of them/);
});
install.run();

const uninstall = suite("polynic uninstall of a daemon");
uninstall("stops and removes it, and twice is once", () => {
  using one = node();
  const before = one.snapshot();
  one.install(["--daemon"]);
  one.uninstall();
  assert.equal(one.snapshot(), before);
  assert.equal([one.systemd.listens, one.systemd.service], [false, undefined]);
  assert.equal(one.planUninstall().steps, []);
});
uninstall("does so without a record, too", () => {
  using one = node();
  one.install(["--daemon"]);
  one.remove(`${confDir}/polynic.d/install.json`);
  one.uninstall();
  assert.equal([socket, service, enabled].map(one.has), [false, false, false]);
  assert.is(one.systemd.listens, false);
});
uninstall.run();

/** More changes than there are. */
const changesMax = 200;

const killed = suite("a kill at every step");
killed("of polynic install --daemon ends as if nothing had been, with systemd knowing what is there", () => {
  using undisturbed = node();
  undisturbed.install(["--daemon"]);
  const kills = killedEverywhere([], ["--daemon"], (one) => {
    one.install(["--daemon"]);
    assert.equal(one.snapshot(), undisturbed.snapshot());
    assert.equal([one.systemd.service, one.systemd.listens], [one.read(service), true]);
    assert.equal(one.planInstall(["--daemon"]).steps, []);
  });
  assert.ok(kills > 30, `${kills} kills`);
});
killed("of polynic install --daemon is taken back by uninstall", () => {
  using plain = node();
  killedEverywhere([], ["--daemon"], (one) => {
    one.uninstall();
    assert.equal(one.snapshot(/wants/), plain.snapshot(/wants/));
    assert.equal([one.systemd.service, one.systemd.listens], [undefined, false]);
  });
});
killed("of polynic uninstall is finished by the next one", () => {
  using plain = node();
  killedEverywhere(["--daemon"], undefined, (one) => {
    one.uninstall();
    assert.equal(one.snapshot(), plain.snapshot());
    assert.equal([one.systemd.service, one.systemd.listens], [undefined, false]);
  });
});
killed.run();

/** Kills an installation, or undefined: an uninstallation, after one with other words, at every change. */
function killedEverywhere(first: readonly string[], words: readonly string[] | undefined,
  after: (one: PretendNode) => void): number {
  for (let change = 1; change < changesMax; change++) {
    using one = node();
    if (first.length > 0) one.install(first);
    const files = dyingFiles(change, { systemctl: one.systemd.systemctl });
    const killed = wasKilled(() => {
      if (words === undefined) one.uninstall([], files);
      else one.install(words, files);
    });
    if (!killed) return change - 1;
    assert.is(runtimeProblem(one), undefined, `at change ${change}`);
    after(one);
  }
  throw new Error(`Cannot see the end: there are more than ${changesMax} changes`);
}

const text = suite("the units");
text("of deploy/systemd are those for /opt/cni/bin", () => {
  const directory = join(import.meta.dirname, "../../../deploy/systemd");
  for (const { name, content } of unitsFor("/opt/cni/bin/polynic"))
    assert.is(readFileSync(join(directory, name), "utf8"), content);
});
text("name an executable whatever is in its path", () => {
  assert.match(unitsFor('/a b/50%/$x/"c"/polynic')[0]?.content ?? "",
    '\nExecStart="/a b/50%%/$$x/\\"c\\"/polynic" daemon');
});
text.run();

const systemctl = suite("systemctl");
systemctl("is what PATH has, with its words, status and what it said", () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-systemctl-")), path = process.env["PATH"];
  try {
    writeFileSync(join(directory, "systemctl"), `#!/bin/sh\necho "$@" > ${directory}/words\necho no >&2\nexit 5\n`);
    chmodSync(join(directory, "systemctl"), 0o755);
    process.env["PATH"] = `${directory}:${path}`;
    assert.equal(nodeFiles.systemctl(["start", "polynic.socket"]), { status: 5, said: "no" });
    assert.is(readFileSync(join(directory, "words"), "utf8"), "start polynic.socket\n");
  } finally {
    process.env["PATH"] = path;
    rmSync(directory, { recursive: true });
  }
});
systemctl("is told only of the node whose / is ours", () => {
  assert.is(hearsUs("/host", { ...nodeFiles, kind: () => "directory" }), false);
  assert.is(hearsUs("/", { ...nodeFiles, kind: () => "directory" }), true);
  assert.is(hearsUs("/", { ...nodeFiles, kind: () => undefined }), false);
});
systemctl.run();
