// docs/architecture.md names every file that an ADD passes: this makes one, and looks where it has been.
import { mkdtempSync, rmSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { serve } from "../src/service/index.ts";
import { kernelSuite, makeNetns } from "./helpers/netns.ts";
import { filesNamedIn, root, source, textOf } from "./helpers/sources.ts";

/** The one that the page tells of. */
function conf(directory: string): object {
  const ipam = { type: "host-local", dataDir: directory, ranges: [[{ subnet: "10.1.0.0/24" }]] };
  const bridge = { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipMasqBackend: "nftables", ipam };
  return { cniVersion: "1.0.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"),
    delegates: [{ cniVersion: "1.0.0", name: "one", ...bridge }] };
}

/** Files of src/ with a function that runs while `work` does, from src/. */
async function filesRunBy(work: () => Promise<void>): Promise<readonly string[]> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  await work();
  const { result } = await session.post("Profiler.takePreciseCoverage");
  session.disconnect();
  const ran = result.filter(({ functions }) => functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0));
  return ran.map(({ url }) => url).filter((url) => url.startsWith("file:")).map((url) => fileURLToPath(url))
    .filter((file) => file.startsWith(source)).map((file) => file.slice(source.length + 1)).toSorted();
}

const page = kernelSuite("docs/architecture.md", import.meta.url);

page("names every file that an ADD passes", async () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-architecture-")), { path } = makeNetns("c1");
  const env = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: path, CNI_IFNAME: "eth0", CNI_PATH: directory };
  const passed = await filesRunBy(async () => {
    const { status, stdout } = await serve({ name: "polynic", env, stdin: JSON.stringify(conf(directory)) });
    assert.is(status, 0, stdout);
  });
  rmSync(directory, { recursive: true });
  assert.ok(passed.length > 80, passed.join(" "));
  const named = filesNamedIn(textOf(join(root, "docs", "architecture.md")));
  assert.equal(passed.filter((file) => !named.includes(file)), []);
});

page.run();
