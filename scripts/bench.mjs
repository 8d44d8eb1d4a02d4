// npm run bench: how long ADD and DEL take, against the reference plugins and against the kernel's own work.
// npm run bench:storm: what becomes of 200 pods at once.
// npm run bench:soak: what becomes of a daemon's memory by 5,000 pods, and what they leave.
// npm run bench:watching: what a large cluster and a full node cost a daemon that watches.
// npm run bench:cluster: addresses of a store that nodes share, against the engine's own work and against files.
// npm run bench where: what the parts of a warm ADD cost.
// Runs in network, mount and process namespaces of its own. MULTUS=/path/to/multus adds that executable to the table.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { fetchNewerPlugins } from "./newer-packages.mjs";
import { installPackages, installPrograms, pinnedNode, root, run } from "./setup.mjs";

/** A soak of many pods takes its time. */
const limitMs = 60 * 60_000;
const [first = "", ...others] = process.argv.slice(2);
const named = {
  storm: "storm.ts", soak: "daemon/soak.ts", watching: "daemon/watching.ts", cluster: "cluster/main.ts",
  where: "warm/where.ts",
};
const [file, words] = first in named ? [named[first], others] : ["main.ts", process.argv.slice(2)];

if (process.getuid?.() !== 0) {
  console.error("Cannot run the benchmark as an ordinary user: making network namespaces needs root");
  process.exit(1);
}
installPrograms(["node", "judges", "certificates", "reference", "etcd"]);
installPackages();
fetchNewerPlugins();
run("npm", ["run", "--silent", "build"]);

const mountPoints = ["/run/netns", "/var/lib/cni"].filter((path) => !existsSync(path));
for (const path of mountPoints) mkdirSync(path, { recursive: true });
const script = 'mount -t tmpfs tmpfs /run; mkdir -p /run/netns /run/lock; mount -t tmpfs tmpfs /var/lib/cni; exec "$@"';
const bench = spawnSync(
  "unshare",
  [
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
    "--propagation",
    "private",
    "--",
    "sh",
    "-ec",
    script,
    "sh",
    pinnedNode,
    join(root, "test", "bench", file),
    ...words,
  ],
  {
    cwd: root,
    stdio: "inherit",
    timeout: limitMs,
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  },
);
for (const path of mountPoints) rmdirSync(path);
process.exit(bench.status ?? 1);
