// The benchmark, inside the namespaces that scripts/bench.mjs made. Arguments: [rounds].
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { allocationInModule, compareHostLocal } from "./allocation.ts";
import { bridgesTitle } from "./cases.ts";
import { compareWithFloor } from "./in-process.ts";
import { compareModules } from "./modules.ts";
import { comparePods } from "./pods.ts";
import { multiplexer, plugins } from "./runtimes.ts";
import type { Runtime } from "./runtimes.ts";
import { ms, ratio, summarize, timeMs } from "./statistics.ts";
import { lookingForAddresses } from "./view.ts";
import { compareWholeProcesses, prepareHost } from "./whole-process.ts";

const root = join(import.meta.dirname, "..", "..");
const bin = join(root, "dist", "bin");
const rounds = Number(process.argv[2] ?? 15);

const reference: Runtime[] = [];
const newer = join(root, "build", "reference-plugins"), packaged = "/usr/lib/cni";
if (existsSync(join(newer, "bridge"))) reference.push(plugins("reference 1.9", newer,
  { node: "newer", nftables: true }));
if (existsSync(join(packaged, "bridge"))) reference.push(plugins("reference (Debian)", packaged,
  { node: "packaged", nftables: false }));
const multus = process.env["MULTUS"];
if (multus !== undefined) reference.push(multiplexer("multus", multus, "multus", existsSync(newer) ? newer : packaged));

prepareHost();
console.log(`Machine: ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown"}, Linux ` +
  `${execFileSync("uname", ["-r"], { encoding: "utf8" }).trim()}`);
const node = join(root, "dist", "lib", "polynic", "node");
const bare = summarize(Array.from({ length: rounds }, () => timeMs(() => execFileSync(node, ["-e", "0"]))));
console.log(`A bare start of the bundled Node: ${ms(bare.medianMs)} ms. Medians of ${rounds} runs each.\n`);

console.log("Whole processes, one ADD and one DEL of a container\n");
const { text, own } = compareWholeProcesses(multiplexer("polynic", join(bin, "polynic"), "polynic", bin), reference,
  rounds);
console.log(text);
const [one = Number.NaN, eight = Number.NaN] = [1,
  8].map((networks) => own.get(`DEL ${bridgesTitle(networks)}`) ?? Number.NaN);
console.log(`\nDEL of 8 networks takes ${ratio(eight, one)} times as long as DEL of 1.`);

console.log("\nA pod of four networks, whole processes, with an API server on loopback and without\n");
console.log(await comparePods(bin, rounds));

console.log("\nThe multiplexer called as a library in a warm process, and the same kernel requests sent back to back " +
  "with nothing else\n");
console.log(await compareWithFloor(rounds));

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
