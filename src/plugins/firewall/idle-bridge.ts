import type { AddContext } from "../contract/plugin.ts";
import type { Allowance } from "./conf.ts";

/** Frames from one port of a bridge to another pass the rules only where the host has them asked (br_netfilter). */
export function warnOfIdleBridge(
  { ingress, network }: Allowance, { host, withoutEffect }: Pick<AddContext, "host" | "withoutEffect">,
): void {
  if (ingress?.policy !== "isolated") return;
  const idle = ingress.families.map((family) => `net/bridge/bridge-nf-call-ip${family === 4 ? "" : "6"}tables`)
    .find((name) => !isOn(host, name));
  if (idle === undefined) return;
  withoutEffect(
    `Cannot keep containers of network "${network}" apart from each other on bridge "${ingress.bridge}": ` +
      `${idle.replaceAll("/", ".")} is not 1, expected it to be (modprobe br_netfilter), or "portIsolation": true of ` +
      "plugin bridge",
  );
}

/** Without the module there is no such setting. */
function isOn(host: AddContext["host"], name: string): boolean {
  try {
    return host.sysctl.get(name) === "1";
  } catch {
    return false;
  }
}
