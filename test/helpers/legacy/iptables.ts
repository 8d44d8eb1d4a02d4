/** The iptables of the older kernel interface (ip_tables) in the place of the machine's own. For kernel suites. */
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { attempt, run } from "../netns.ts";

const directory = "/run/legacy-iptables", tools = ["iptables", "ip6tables"];

/** Whether the tools are installed and this kernel has what they speak to. */
export function hasLegacyIptables(tests: string): boolean {
  if (attempt("unshare", "--net", "iptables-legacy", "-S").status === 0) return true;
  process.stderr.write(`\nSKIPPED ${tests}: iptables-legacy is not installed, or this kernel lacks ip_tables\n`);
  return false;
}

/** From now on `iptables` is that one, for what this process starts as well. Returns what ends that, its rules too. */
export function useLegacyIptables(): () => void {
  if (!existsSync(directory)) {
    mkdirSync(directory);
    for (const tool of tools) {
      for (const suffix of ["", "-save", "-restore"])
        symlinkSync(`/usr/sbin/${tool}-legacy${suffix}`, `${directory}/${tool}${suffix}`);
    }
  }
  const before = process.env["PATH"] ?? "";
  process.env["PATH"] = `${directory}:${before}`;
  return () => {
    for (const tool of tools) {
      run(tool, "-P", "FORWARD", "ACCEPT");
      for (const table of ["filter", "nat"]) for (const act of ["-F", "-X"]) run(tool, "-t", table, act);
    }
    process.env["PATH"] = before;
  };
}
