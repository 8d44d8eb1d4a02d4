/** Letting through by firewalld: the addresses are sources of a zone that accepts everything. */
import { CniError, code, messageOf } from "../../cni/index.ts";
import type { Address } from "../../net/index.ts";
import type { AddContext, Handles } from "../contract/plugin.ts";
import type { FirewallPlan } from "./conf.ts";
import { hostText } from "./conf.ts";

const defaultZone = "trusted";

/**
 * Binds the addresses to the zone; registers its own undo. Where the choice is left to the machine the daemon is asked
 * once: an answer shows that it runs.
 *
 * @returns false when that is not what firewalld is asked for here, or it does not run
 * @throws CniError 11 when it is the configured backend and does not run
 */
export async function bindToZone(
  { backend, zone }: FirewallPlan, addresses: readonly Address[],
  { firewalld, undo }: Pick<AddContext, "firewalld" | "undo">,
): Promise<boolean> {
  const sources = addresses.map(hostText);
  if (!isAsked(backend, sources, { firewalld })) return false;
  let isBound = true;
  undo.add(`unbind the addresses from zone "${zone}"`, async () => {
    if (isBound) await firewalld.removeSources(zone, sources);
  });
  isBound = await firewalld.addSources(zone, sources);
  if (isBound || backend === undefined) return isBound;
  throw new CniError(
    code.tryAgainLater,
    `Cannot bind ${sources.join(", ")} to zone "${zone}": firewalld does not answer on the system bus, expected it ` +
      "to run, or another backend",
  );
}

/** What firewalld says against it is logged: a source that is gone, by a restart of it, must not keep a container. */
export async function unbindFromZone(
  zone: string | undefined, addresses: readonly Address[], { firewalld, log }: Pick<Handles, "firewalld" | "log">,
): Promise<void> {
  if (addresses.length === 0 || !firewalld.mayRun()) return;
  try {
    await firewalld.removeSources(zone || defaultZone, addresses.map(hostText));
  } catch (error) {
    log.warn(messageOf(error));
  }
}

/** Why the addresses are not all let through by firewalld, in words; undefined when they are. */
export async function whyNotBound(
  { backend, zone }: FirewallPlan, addresses: readonly Address[], { firewalld }: Pick<Handles, "firewalld">,
): Promise<string | undefined> {
  const sources = addresses.map(hostText);
  if (sources.length === 0) return undefined;
  if (!isAsked(backend, sources, { firewalld })) return "firewalld is not asked";
  try {
    const missing = await firewalld.missingSource(zone, sources);
    return missing === undefined ? undefined : `zone "${zone}" of firewalld has no source ${missing}`;
  } catch (error) {
    // Where the choice is left to the machine, there are rules instead.
    if (backend === undefined) return messageOf(error);
    throw error;
  }
}

function isAsked(
  backend: FirewallPlan["backend"], sources: readonly string[], handles: Pick<Handles, "firewalld">,
): boolean {
  return sources.length > 0 && asksZone(backend, handles);
}

/** Whether ADD may bind addresses to a zone. */
export function asksZone(backend: FirewallPlan["backend"], { firewalld }: Pick<Handles, "firewalld">): boolean {
  return backend === "firewalld" || (backend === undefined && firewalld.mayRun());
}
