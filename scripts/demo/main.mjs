// npm run demo: installs what it needs, builds, and shows polynic attach two containers and a pod of a cluster to three
// networks each and take everything away again. All of it happens in a network and mount namespace of its own: nothing
// of the machine changes.
import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { installPackages, installPrograms, pinnedNode, root, run } from "../setup.mjs";

if (process.getuid?.() !== 0) {
  console.error(
    "Cannot run the demo as an ordinary user: making network namespaces needs root (try: sudo npm run demo)",
  );
  process.exit(1);
}
installPrograms(["node", "judges", "certificates"]);
installPackages();
console.log("Building dist/");
run("npm", ["run", "--silent", "build"]);

// Mount points for the demo's own /run/netns and /var/lib/cni; folders that were not there before go again.
const mountPoints = ["/run/netns", "/var/lib/cni"].filter((path) => !existsSync(path));
for (const path of mountPoints) mkdirSync(path, { recursive: true });

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const demo = spawnSync("unshare", [
  "--net", "--mount", "--propagation", "private", "--", pinnedNode, join(import.meta.dirname, "host.ts"),
], { cwd: root, env, stdio: "inherit", timeout: 120_000 });

for (const path of mountPoints) rmdirSync(path);
if (demo.error !== undefined) console.error(`Cannot run the demo: ${demo.error.message}`);
process.exit(demo.status ?? 1);
