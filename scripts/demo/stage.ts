// What all acts of the demo do: say, show and prove.
import { execFileSync } from "node:child_process";

export const limitMs = 20_000;

let failures = 0;

/** Proofs that did not hold. */
export function failureCount(): number {
  return failures;
}

export function say(text: string): void {
  console.log(`\n== ${text}`);
}

export function note(text: string): void {
  console.log(text.replace(/^/gm, "   "));
}

export function prove(what: string, holds: boolean): void {
  if (!holds) failures++;
  note(`${holds ? "ok  " : "FAIL"} ${what}`);
}

/** Links, addresses and routes of one namespace. */
export function picture(netns: string): void {
  const links = ipJson(netns, "-d", "addr");
  const routes = [...ipJson(netns, "route"), ...ipJson(netns, "-6", "route").filter(({ dst }) => dst !== "fe80::/64")];
  for (const link of links.filter(({ ifname }) => ifname !== "lo")) {
    const addresses = link.addr_info.filter((one: { scope: string }) => one.scope === "global")
      .map((one: { local: string; prefixlen: number }) => `${one.local}/${one.prefixlen}`);
    note(`${link.ifname.padEnd(6)} ${(link.linkinfo?.info_kind ?? "").padEnd(8)} ${link.operstate.padEnd(7)} `
      + `${link.address}  ${addresses.join("  ")}`);
    for (const route of routes.filter(({ dev }) => dev === link.ifname)) {
      note(`       route ${route.dst}${route.gateway === undefined ? "" : ` via ${route.gateway}`}`);
    }
  }
}

// ip -j prints what `ip` prints: its fields are read by name and shown, nothing else depends on them.
// eslint-disable-next-line -- see above
export function ipJson(netns: string, ...args: string[]): any[] {
  return JSON.parse(execFileSync("ip", ["-j", "-n", netns, ...args], { encoding: "utf8" }) || "[]");
}

export function sh(script: string): void {
  execFileSync("sh", ["-ec", script], { stdio: ["ignore", "inherit", "inherit"], timeout: limitMs });
}

export function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
