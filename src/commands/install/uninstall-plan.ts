/**
 * Taking everything back. What others had comes first, so that the runtime has a configuration at every moment; what
 * running commands may still need, the trees, goes last but for the record itself.
 */
import { dirname, join } from "node:path";
import type { NodeFiles } from "./node/files.ts";
import { executablesAside, setAside } from "./moves.ts";
import type { Place } from "./node/place.ts";
import { placeOf, seenBelow } from "./node/place.ts";
import type { UninstallRequest } from "./request.ts";
import type { Area, InstallState, Made, Move } from "./node/state.ts";
import { lockName, ownFolder, readState, stateName } from "./node/state.ts";
import type { Step } from "./node/step.ts";
import { removeEmptyStep, removeStep, staleSteps } from "./node/step.ts";
import { giveBackSteps, removeMadeSteps } from "./take-back.ts";
import {
  enablingLink, forgetSteps, serviceUnit, socketUnit, stopSteps, unitDirectory,
} from "./node/units.ts";

export interface UninstallPlan {
  readonly steps: readonly Step[];
  readonly notes: readonly string[];
}

/** @throws CommandError when the record of what was done cannot be read */
export function planUninstall(request: UninstallRequest, files: NodeFiles): UninstallPlan {
  const { conf, bin, root, systemd } = request;
  const state = readState(join(conf.seen, stateName), files) ?? guessedState(request, files);
  const { directories } = state;
  const primary = directories.primary === directories.conf ? conf.seen : placeOf(directories.primary, root).seen;
  const seen: Readonly<Record<Area, string>> = {
    conf: conf.seen, bin: binOf(state, { bin, root, files }), primary, units: seenBelow(root, unitDirectory),
  };
  const at = (area: Area, name: string) => join(seen[area], name);
  const back = state.moved.map((move) => giveBackSteps(files, move, { at, made: [] }));
  const remove = (made: readonly Made[]) => made.flatMap((one) => removeMadeSteps(files, one, { at, state }));
  const isConfig = ({ area, name }: Made) => area === "conf" && dirname(name) === ".";
  const hadUnits = systemd && state.made.some(({ area }) => area === "units");
  const isTree = ({ area, name }: Made) => area === "bin" && dirname(name) === ownFolder;
  const folders = [
    ...new Set([...state.made.filter(({ area }) => area === "conf").map(({ name }) => dirname(name)), ownFolder]),
  ].filter((folder) => folder !== ".");
  const steps = [
    ...back.flatMap(({ steps }) => steps),
    // The configuration goes before what it names.
    ...remove(state.made.filter(isConfig)),
    ...(hadUnits && files.kind(at("units", socketUnit)) !== undefined ? stopSteps() : []),
    ...remove(state.made.filter((one) => !isConfig(one) && !isTree(one))),
    ...(hadUnits ? forgetSteps() : []),
    ...remove(state.made.filter(isTree)),
    ...[
      seen.units, dirname(at("units", enablingLink.name)), seen.conf,
      ...folders.map((folder) => at("conf", folder)), seen.bin, at("bin", ownFolder),
    ].flatMap((directory) => staleSteps(files, directory)),
    ...(state.made.some(({ area }) => area === "units")
      ? removeEmptyStep(files, dirname(at("units", enablingLink.name)))
      : []),
    ...removeStep(files, at("conf", stateName)),
    ...removeStep(files, at("conf", lockName)),
    ...[
      at("bin", executablesAside),
      at("bin", ownFolder),
      ...folders.map((folder) => at("conf", folder)),
    ].flatMap((directory) => removeEmptyStep(files, directory)),
  ];
  return { steps, notes: back.flatMap(({ notes }) => notes) };
}

/** Where we are. The record may be a container's, whose mounts had other names than the node's directories. */
function binOf(
  { directories }: InstallState,
  { bin, root, files }: { readonly bin: Place; readonly root: string; readonly files: NodeFiles },
): string {
  const recorded = placeOf(directories.bin, root).seen;
  return files.kind(join(recorded, ownFolder)) === undefined ? bin.seen : recorded;
}

/** Without a record: what has our names, and what carries the mark of having been set aside. */
function guessedState({ conf, bin, root, stem }: UninstallRequest, files: NodeFiles): InstallState {
  const aside = files
    .names(conf.seen)
    .filter((name) => name.endsWith(setAside))
    .map((to): Move => ({ area: "conf", to, from: to.slice(0, -setAside.length), why: "replaced" }));
  const folder = files
    .names(join(conf.seen, ownFolder))
    .map((name) => join(ownFolder, name))
    .filter((name) => name !== lockName);
  const links = files
    .names(bin.seen)
    .filter(
      (name) =>
        files.kind(join(bin.seen, name)) === "link" &&
        files.linkTarget(join(bin.seen, name)).startsWith(`${ownFolder}/`),
    );
  const trees = files
    .names(join(bin.seen, ownFolder))
    .map((name) => join(ownFolder, name))
    .filter((name) => name !== executablesAside);
  const executables = files
    .names(join(bin.seen, executablesAside))
    .map((from): Move => ({ area: "bin", from, to: join(executablesAside, from), why: "replaced" }));
  const unitsSeen = seenBelow(root, unitDirectory);
  const units = [socketUnit, serviceUnit, enablingLink.name].filter(
    (name) => links.includes("polynic") && files.kind(join(unitsSeen, name)) !== undefined,
  );
  const made = (area: Area) => (name: string): Made => ({ area, name });
  return {
    directories: { conf: conf.host, bin: bin.host, primary: conf.host, units: unitDirectory },
    made: [
      ...[`${stem}.conf`, `${stem}.conflist`, ...folder].map(made("conf")),
      ...[...links, ...trees].map(made("bin")),
      ...units.map(made("units")),
    ],
    moved: [...aside, ...executables],
  };
}
