// src/exec/firewalld: what firewall-cmd is asked and what is made of its answers, by one that pretends. The real one is
// in test/plugins/firewall/firewalld.test.ts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Firewalld } from "../../src/exec/index.ts";
import { openFirewalld } from "../../src/exec/index.ts";
import { rejects } from "../helpers/errors.ts";

interface Said {
  readonly status: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

async function withPretender({ status, stdout = "", stderr = "" }: Said,
  work: (firewalld: Firewalld, asked: () => string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "polynic-firewalld-")), log = join(directory, "asked");
  writeFileSync(join(directory, "firewall-cmd"), `#!/bin/sh
echo "$*" >> ${log}
cat <<'END'
${stdout}
END
cat <<'END' >&2
${stderr}
END
exit ${status}
`, { mode: 0o755 });
  const env = { PATH: `${directory}:${process.env["PATH"] ?? ""}`, DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/nowhere" };
  try {
    await work(openFirewalld({ env }), () => readFileSync(log, "utf8"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const two = ["10.0.0.2/32", "fd00::2/128"];
const firewalld = suite("firewalld");

firewalld("is asked once for all sources", () => withPretender({ status: 0, stdout: "success" }, async (one, asked) => {
  assert.is(one.mayRun(), true);
  assert.is(await one.running(), true);
  assert.is(await one.addSources("trusted", two), true);
  assert.is(await one.removeSources("trusted", two), true);
  assert.equal(asked().split("\n"), ["--state", "--zone=trusted --add-source=10.0.0.2/32 --add-source=fd00::2/128",
    "--zone=trusted --remove-source=10.0.0.2/32 --remove-source=fd00::2/128", ""]);
}));

firewalld("that does not run has done nothing", () => withPretender({ status: 252, stderr: "FirewallD is not running" },
  async (one) => {
    assert.is(await one.running(), false);
    assert.is(await one.addSources("trusted", two), false);
    assert.is(await one.removeSources("trusted", two), false);
    assert.match((await rejects(one.missingSource("trusted", two), 110)).message, /firewalld is not running/);
  }));

for (const [name, said, verb] of [
  ["a source that the zone has already", { status: 0,
    stderr: "Warning: ZONE_ALREADY_SET: '10.0.0.2/32' already bound" }, "addSources"],
  ["a source that no zone has", { status: 30, stderr: "Error: UNKNOWN_SOURCE: '10.0.0.2/32' is not in any zone" },
    "removeSources"],
] as const) {
  firewalld(`takes ${name} as done`, () => withPretender(said, async (one) => {
    assert.is(await one[verb]("trusted", two), true);
  }));
}

for (const [name, said, message] of [
  ["a zone that there is not", { status: 112, stderr: "Error: INVALID_ZONE: nozone" },
    "Cannot add-source 10.0.0.2/32 fd00::2/128 in zone \"z\" with firewall-cmd: INVALID_ZONE: nozone"],
  ["one of several sources, although it ends well", { status: 0,
    stderr: "Warning: ZONE_ALREADY_SET: 'fd00::2/128' bound\nWarning: ZONE_CONFLICT: '10.0.0.2/32' bound" },
    "Cannot add-source 10.0.0.2/32 fd00::2/128 in zone \"z\" with firewall-cmd: ZONE_CONFLICT: '10.0.0.2/32' bound"],
  ["without a word", { status: 3 },
    "Cannot add-source 10.0.0.2/32 fd00::2/128 in zone \"z\" with firewall-cmd: it ended with status 3"],
] as const) {
  firewalld(`is refused ${name}`, () => withPretender(said, async (one) => {
    assert.is((await rejects(one.addSources("z", two), 110)).message, message);
  }));
}

firewalld("tells the first source that the zone lacks", () => withPretender(
  { status: 0, stdout: "10.0.0.2/32 10.9.0.0/16" }, async (one, asked) => {
    assert.is(await one.missingSource("trusted", two), "fd00::2/128");
    assert.is(await one.missingSource("trusted", two.slice(0, 1)), undefined);
    assert.match(asked(), /^--zone=trusted --list-sources\n/);
  }));

firewalld.run();
