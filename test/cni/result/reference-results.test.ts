import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allVersions, parseResult, printResult } from "../../../src/cni/index.ts";
import { waitLimitMs } from "../../helpers/limits.ts";

/** Debian's package, of library 1.1; the newer build beside it, of library 1.3. */
const directories = [
  { directory: "/usr/lib/cni", versions: allVersions.filter((version) => version < "1.0.0") },
  { directory: join(import.meta.dirname, "..", "..", "..", "build", "reference-plugins"), versions: allVersions },
];

const reference = suite("printResult against a reference plugin");

/** What the reference's host-local prints for a first ADD; it needs neither a namespace nor root. */
function hostLocal(directory: string, cniVersion: string): string {
  const dataDir = mkdtempSync(join(tmpdir(), "polynic-reference-"));
  const conf = {
    cniVersion, name: "test", type: "any",
    ipam: {
      type: "host-local", dataDir,
      ranges: [[{ subnet: "10.0.0.0/24" }], [{ subnet: "2001:db8::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "10.9.0.0/16", gw: "10.0.0.9", mtu: 1400, advmss: 1360, priority: 5,
        table: 7, scope: 0 }, { dst: "::/0" }],
    },
  };
  try {
    return execFileSync(join(directory, "host-local"), {
      input: JSON.stringify(conf), encoding: "utf8", timeout: waitLimitMs,
      env: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c", CNI_NETNS: "/none", CNI_IFNAME: "eth0", CNI_PATH: directory },
    });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

for (const { directory, versions } of directories) {
  const present = existsSync(join(directory, "host-local"));
  if (!present) console.error(`SKIPPED: no reference plugins in ${directory} to compare results with`);
  for (const version of versions) {
    (present ? reference : reference.skip)(`gives the same bytes as ${directory} for ${version}`, () => {
      const printed = hostLocal(directory, version);
      assert.is(printResult(parseResult(JSON.parse(printed), version), version), printed);
    });
  }
}

reference.run();
