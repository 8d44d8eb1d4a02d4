// The benchmark, inside the namespaces that scripts/bench.mjs made. Arguments: [rounds].
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { allocationInModule, compareHostLocal } from "./allocation.ts";
import { compareByName } from "./by-name.ts";
import { cases, eightBridges, oneBridge } from "./cases.ts";
import { goalsTable } from "./goals.ts";
import { compareWithFloor } from "./in-process.ts";
import { compareFamily } from "./warm/family.ts";
import { compareModules } from "./modules.ts";
import { comparePods } from "./pods.ts";
import { multiplexer, plugins, withDaemon } from "./runtimes.ts";
import type { Runtime } from "./runtimes.ts";
import { ms, ratio, summarize, timeMs } from "./statistics.ts";
import { lookingForAddresses } from "./view.ts";
import { measureWholeProcesses, prepareHost, wholeProcessTable } from "./whole-process.ts";

const root = join(import.meta.dirname, "..", "..");
const bin = join(root, "dist", "bin");
const rounds = Number(process.argv[2] ?? 15);

const newer = join(root, "build", "reference-plugins"), packaged = "/usr/lib/cni";
const reference: Runtime[] = [];
if (existsSync(join(newer, "bridge")))
  reference.push(plugins("reference 1.9", newer, { node: "newer", nftables: true }));
if (existsSync(join(packaged, "bridge")))
  reference.push(plugins("reference (Debian)", packaged, { node: "packaged", nftables: false }));
const { MULTUS: multusFile } = process.env;
const multus = multusFile === undefined ? undefined : multiplexer("multus", {
  executable: multusFile, type: "multus", pluginPath: existsSync(newer) ? newer : packaged, failsWithNftables: true,
});
const polynic = { executable: join(bin, "polynic"), type: "polynic", pluginPath: bin };
const oneShot = multiplexer("one-shot", polynic);
const socket = "/run/polynic/polynic.sock", toDaemon = { POLYNIC_SOCKET: socket };
const daemon = withDaemon(
  multiplexer("daemon", { ...polynic, node: "daemon", env: toDaemon }), polynic.executable, socket,
);
const others = [...reference, ...(multus === undefined ? [] : [multus])];

prepareHost();
console.log(`Machine: ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown"}, Linux ` +
  `${execFileSync("uname", ["-r"], { encoding: "utf8" }).trim()}`);
const node = join(root, "dist", "lib", "polynic", "node");
const bare = summarize(Array.from({ length: rounds }, () => timeMs(() => execFileSync(node, ["-e", "0"]))));
console.log(`A bare start of the bundled Node: ${ms(bare.medianMs)} ms. Medians of ${rounds} runs each.\n`);

console.log("Whole processes, one ADD and one DEL of a container\n");
const ours = [daemon, oneShot];
const measured = measureWholeProcesses(cases, [...ours, ...others], rounds);
console.log(wholeProcessTable(measured, cases, { ours, others }));
for (const runtime of ours) {
  const [one, eight] = [oneBridge, eightBridges].map((networks) => measured.medianMs(runtime, "DEL", networks));
  console.log(`\nDEL of 8 networks takes ${ratio(eight ?? 0, one ?? 0)} times as long as DEL of 1, ${runtime.title}.`);
}
const [newest] = reference;
console.log(`\nWhat the daemon is to reach\n\n${goalsTable(measured, { daemon, reference: newest, multus })}`);
if (newest !== undefined) {
  const byName = plugins("daemon", bin, { node: "daemon", nftables: true, env: toDaemon });
  console.log("\nPlugins by their own names, whole processes\n");
  console.log(compareByName({ runtime: byName, directory: bin },
    { runtime: newest, directory: existsSync(join(newer, "bridge")) ? newer : packaged }, rounds));
}

console.log("\nA pod of four networks, whole processes, with an API server on loopback and without\n");
console.log(await comparePods(bin, rounds));

console.log("\nThe multiplexer called as a library in a warm process, and the same kernel requests sent back to back " +
  "with nothing else\n");
console.log(await compareWithFloor(rounds));

console.log("\nThe ADD of each plugin in a warm process, and the time that the kernel takes for what it is asked\n");
console.log(await compareFamily(rounds));

console.log("\nOne call of a WASM module, from finding it to its checked answer: the first in a process, and a later " +
  "one\n");
console.log(await compareModules(rounds));

console.log("\nAllocation inside the host-local module, a fresh process each\n");
console.log(allocationInModule(Math.ceil(rounds / 3)));

console.log("\nLooking for a free address inside a module\n");
console.log(await lookingForAddresses());

const allocators = [{ title: "polynic", directory: bin }, ...(existsSync(join(newer, "host-local"))
  ? [{ title: "reference 1.9", directory: newer }]
  : existsSync(join(packaged, "host-local")) ? [{ title: "reference (Debian)", directory: packaged }] : [])];
console.log("\nADD of the whole host-local executable beside that many reservations\n");
console.log(compareHostLocal(allocators, "/var/lib/cni/bench", rounds));
