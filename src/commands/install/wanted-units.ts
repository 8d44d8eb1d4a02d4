/** The daemon by systemd: which units are to be there, and what systemd is to be told of them. */
import { join } from "node:path";
import type { NodeFiles } from "./node/files.ts";
import type { InstallState } from "./node/state.ts";
import type { Step } from "./node/step.ts";
import type { Unit } from "./node/units.ts";
import { enablingLink, forgetSteps, socketUnit, startSteps, stopSteps, unheardNote, unitsFor } from "./node/units.ts";
import type { InstallRequest } from "./request.ts";

export interface WantedUnits {
  /** Of all that is to be there, below the directory of units. */
  readonly names: readonly string[];
  readonly files: readonly Unit[];
  readonly links: readonly { readonly name: string; readonly target: string }[];
  /** Before units are taken away. */
  readonly stop: readonly Step[];
  /** Once files and links are as they are to be. */
  readonly tell: readonly Step[];
  readonly notes: readonly string[];
  /** For the record, once all is done. */
  readonly told: string | undefined;
}

export function wantedUnits(
  { daemon, systemd, tree, places, root }: InstallRequest, before: InstallState | undefined, files: NodeFiles,
): WantedUnits {
  const earlier = (before?.made ?? []).filter(({ area }) => area === "units").map(({ name }) => name);
  const had = earlier.length > 0;
  const nothing = { names: [], files: [], links: [], stop: [], tell: [], notes: [], told: undefined };
  if (!(daemon ?? had)) {
    const isThere = files.kind(join(places.units.seen, socketUnit)) !== undefined;
    return {
      ...nothing,
      stop: had && systemd && isThere ? stopSteps() : [],
      tell: had && systemd ? forgetSteps() : [],
    };
  }
  // What is in a plugin directory that is to be left alone is run by them as before.
  if (tree === undefined) return { ...nothing, names: earlier, told: before?.told };
  const units = unitsFor(join(places.bin.host, "polynic"));
  const wanted = `${tree.id} in ${places.bin.host}`;
  return {
    ...nothing,
    names: [...units.map(({ name }) => name), enablingLink.name],
    files: units,
    links: [enablingLink],
    tell: systemd && before?.told !== wanted ? startSteps() : [],
    notes: systemd || before?.told === wanted
      ? []
      : [unheardNote({ root, isKnown: before?.told !== undefined }, files)],
    told: systemd ? wanted : before?.told,
  };
}
