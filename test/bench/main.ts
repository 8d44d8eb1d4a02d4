// The benchmark, inside the namespaces that scripts/bench.mjs made. Arguments: [rounds].
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { multiplexer, plugins, type Runtime } from "./runtimes.ts";
import { ms, summarize, timeMs } from "./statistics.ts";
import { compareWholeProcesses, prepareHost } from "./whole-process.ts";

const root = join(import.meta.dirname, "..", "..");
const bin = join(root, "dist", "bin");
const rounds = Number(process.argv[2] ?? 15);

const reference: Runtime[] = [];
const newer = join(root, "build", "reference-plugins"), packaged = "/usr/lib/cni";
if (existsSync(join(newer, "bridge"))) reference.push(plugins("reference 1.9", newer, { nftables: true }));
if (existsSync(join(packaged, "bridge"))) reference.push(plugins("reference (Debian)", packaged, { nftables: false }));
const multus = process.env["MULTUS"];
if (multus !== undefined) reference.push(multiplexer("multus", multus, "multus", existsSync(newer) ? newer : packaged));

prepareHost();
console.log(`Machine: ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown"}, Linux ${execFileSync("uname", ["-r"], { encoding: "utf8" }).trim()}`);
const node = join(root, "dist", "lib", "polynic", "node");
const bare = summarize(Array.from({ length: rounds }, () => timeMs(() => execFileSync(node, ["-e", "0"]))));
console.log(`A bare start of the bundled Node: ${ms(bare.medianMs)} ms. Medians of ${rounds} runs each.\n`);

console.log("Whole processes, one ADD and one DEL of a container\n");
console.log(compareWholeProcesses(multiplexer("polynic", join(bin, "polynic"), "polynic", bin), reference, rounds));
