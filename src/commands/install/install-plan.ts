/**
 * What is to be done to bring a node to where it should be. The order is what keeps it working at every step: first
 * what we need (tree, kubeconfig), then our configuration, then whatever stood in its way is renamed. Before all that
 * the state file says what will be changed, so that everything can be taken back whenever this ends.
 */
import { dirname, join } from "node:path";
import { CommandError } from "../errors.ts";
import type { NodeFiles } from "./node/files.ts";
import type { Look } from "./moves.ts";
import { hadMultus, keepSteps, keptMoves, movesAway, oldExecutables, renameSteps, replacements } from "./moves.ts";
import { foreignFiles, multusFiles } from "./configuration/multus-file.ts";
import type { InstallRequest } from "./request.ts";
import { runtimeNotes } from "./runtime-notes.ts";
import type { Area, InstallState, Made } from "./node/state.ts";
import { ownFolder, printState, readState, stateName } from "./node/state.ts";
import type { Step } from "./node/step.ts";
import { copyTreeStep, linkStep, rewriteStep, staleSteps, writeStep } from "./node/step.ts";
import { giveBackSteps, isOurs, removeMadeSteps, sameEntry } from "./take-back.ts";
import type { Wanted, WantedFile } from "./configuration/wanted.ts";
import { accessFiles, typesOf, wantedFiles } from "./configuration/wanted.ts";
import { enablingLink } from "./node/units.ts";
import { wantedUnits } from "./wanted-units.ts";

export interface Plan {
  readonly steps: readonly Step[];
  readonly notes: readonly string[];
  /** Our configuration has been there before, whatever it said. */
  readonly isInstalled: boolean;
}

/** The part of it that ends after an hour: token, authority and kubeconfig. */
export function planAccess(request: InstallRequest, files: NodeFiles): Plan {
  const { conf } = request.places;
  const { access } = accessFiles(request, undefined, files);
  return {
    steps: access.flatMap((file) => writeStep(files, { ...file, path: join(conf.seen, file.name) })),
    notes: [],
    isInstalled: true,
  };
}

/**
 * @throws PrimaryError while there is no default network; CommandError for what cannot be done. Nothing is changed
 *   then.
 */
export function planInstall(request: InstallRequest, files: NodeFiles): Plan {
  const { places } = request;
  const before = readState(join(places.conf.seen, stateName), files);
  refuseOtherDirectories(request, before);
  const multus = multusFiles(places.conf.seen, request.stem, files);
  const wanted = wantedFiles(request, { state: before, multus, files });
  refuseFilesInFront(request, wanted, files);

  const at = (area: Area, name: string) => join(places[area].seen, name);
  const links = wantedLinks(request, wanted, { before, files });
  const trees = treesOf(request, before, files);
  const units = wantedUnits(request, before, files);
  const names: readonly Made[] = [
    ...[...wanted.access, wanted.config].map(({ name }) => ({ area: "conf" as const, name })),
    ...links.map(({ name }) => ({ area: "bin" as const, name })),
    ...units.names.map((name) => ({ area: "units" as const, name })),
    // What is in a directory that is to be left alone stays ours.
    ...(request.tree === undefined
      ? (before?.made ?? []).filter(({ area, name }) => area === "bin" && dirname(name) === ".")
      : []),
  ];
  const look = { before, files, at };
  const moves = [
    ...replacements(names, look),
    ...movesAway(request, { multus, primary: wanted.primary }, look),
    ...(request.tree === undefined ? keptMoves(look) : oldExecutables(files.names(places.bin.seen), look)),
  ];
  const records = recordsOf(before, {
    directories: {
      conf: places.conf.host, bin: places.bin.host, primary: places.primary.host, units: places.units.host,
    },
    made: [...names, ...trees.kept], moved: moves, told: units.told,
  });
  const write = (file: WantedFile) => writeStep(files, { ...file, path: at("conf", file.name) });

  const changes = [
    ...trees.steps,
    ...keepSteps(moves, look),
    ...links.flatMap(({ name, target }) => linkStep(files, at("bin", name), target)),
    ...wanted.access.flatMap(write),
    ...write(wanted.config),
    ...renameSteps(moves, look),
    ...units.stop,
    ...units.files.flatMap(({ name, content }) => writeStep(files, { path: at("units", name), content, mode: 0o644 })),
    ...units.links.flatMap(({ name, target }) => linkStep(files, at("units", name), target)),
    ...undoneSteps(records, look),
    ...units.tell,
    ...[
      places.conf.seen, dirname(at("conf", stateName)), places.bin.seen, at("bin", ownFolder), places.units.seen,
      dirname(at("units", enablingLink.name)),
    ].flatMap((directory) => staleSteps(files, directory)),
  ];
  return {
    steps: recorded(changes, at("conf", stateName), records),
    notes: [...wanted.notes, ...units.notes, ...runtimeNotes(request, wanted.config, files)],
    isInstalled: files.kind(at("conf", wanted.config.name)) !== undefined,
  };
}

/** What the state file says: as it was found, while changes are made, and when all of them are. */
interface Records {
  readonly before: InstallState | undefined;
  /** Holds whatever may be found when this ends in between. */
  readonly during: InstallState;
  readonly after: InstallState;
}

function recordsOf(before: InstallState | undefined, after: InstallState): Records {
  const earlier = { made: before?.made ?? [], moved: before?.moved ?? [] };
  const during: InstallState = {
    directories: after.directories,
    made: [...after.made, ...earlier.made.filter((one) => !after.made.some((other) => sameEntry(one, other)))],
    moved: [
      ...after.moved,
      ...earlier.moved.filter((one) => !after.moved.some(({ area, to }) => area === one.area && to === one.to)),
    ],
    told: before?.told === after.told ? after.told : undefined,
  };
  return { before, during, after };
}

/** The changes between the second record and the third; a record that says nothing new is left out. */
function recorded(changes: readonly Step[], path: string, { before, during, after }: Records): readonly Step[] {
  const record = (content: string) => [rewriteStep({ path, content, mode: 0o600, secret: true })];
  const first = before === undefined ? "" : printState(before),
    middle = changes.length === 0 ? first : printState(during),
    last = printState(after);
  return [...(middle === first ? [] : record(middle)), ...changes, ...(last === middle ? [] : record(last))];
}

/** Takes back what an earlier run has done and this one no longer wants. */
function undoneSteps({ during, after }: Records, { files, at }: Look): readonly Step[] {
  return [
    ...during.moved
      .filter((move) => !after.moved.includes(move))
      .flatMap((move) => giveBackSteps(files, move, { at, made: after.made }).steps),
    ...during.made
      .filter((one) => !after.made.includes(one))
      .flatMap((one) => removeMadeSteps(files, one, { at, state: during })),
  ];
}

function refuseOtherDirectories({ places, tree }: InstallRequest, before: InstallState | undefined): void {
  const there = before?.directories.bin;
  if (there === undefined || tree === undefined || there === places.bin.host) return;
  throw new CommandError(
    `Cannot install into ${places.bin.host}: this node's polynic is in ${there}, expected the same directory, or ` +
      "polynic uninstall first",
  );
}

/** The runtime takes the first file by its name: ours must be that, or nothing of it would have any effect. */
function refuseFilesInFront(
  { places, stem, renamePrimary, confFile }: InstallRequest,
  { primary }: Wanted,
  files: NodeFiles,
): void {
  if (confFile !== undefined) return;
  const inFront = foreignFiles(places.conf.seen, stem, files).filter(
    (name) => !(renamePrimary && name === primary?.name),
  );
  const [first] = inFront;
  if (first === undefined) return;
  throw new CommandError(
    `Cannot install into ${places.conf.seen}: the runtime would use ${first}, which comes before ${stem}, expected ` +
      "another name for it, or --rename-conf-file if it is the primary configuration",
  );
}

interface WantedLink {
  readonly name: string;
  readonly target: string;
}

/**
 * `polynic` itself, the name of a Multus that makes way, and names that nobody else provides: a runtime's own plugins
 * stay what they are.
 */
function wantedLinks(
  { tree, links, places }: InstallRequest,
  { config }: Wanted,
  { before, files }: Omit<Look, "at">,
): readonly WantedLink[] {
  if (tree === undefined) return [];
  const at = (_: Area, name: string) => join(places.bin.seen, name);
  const isFree = (name: string) =>
    files.kind(join(places.bin.seen, name)) === undefined ||
    isOurs({ area: "bin", name }, { state: before, files, at });
  const types = typesOf(config).filter(
    (type) => type !== "polynic" && files.kind(join(tree.directory, "bin", type)) !== undefined,
  );
  // containerd starts no pod without it.
  const others = [...new Set([...types, "loopback", ...links])].filter(isFree);
  const multus = hadMultus({ before, files, at }) ? ["multus"] : [];
  return [...new Set(["polynic", ...multus, ...others])]
    .filter((name) => files.kind(join(tree.directory, "bin", name)) !== undefined || name === "polynic")
    .map((name) => ({ name, target: join(ownFolder, tree.id, "bin", name) }));
}

interface WantedTrees {
  readonly kept: readonly Made[];
  readonly steps: readonly Step[];
}

/** The tree we bring, and the one it replaces: a command that was started from that one may still load parts of it. */
function treesOf({ tree, places }: InstallRequest, before: InstallState | undefined, files: NodeFiles): WantedTrees {
  const others = (before?.made ?? []).filter(({ area, name }) => area === "bin" && dirname(name) === ownFolder);
  if (tree === undefined) return { kept: others, steps: [] };
  const current: Made = { area: "bin", name: join(ownFolder, tree.id) };
  const seen = ({ name }: Made) => join(places.bin.seen, name);
  const present = others.filter((one) => !sameEntry(one, current) && files.kind(seen(one)) !== undefined);
  const [previous] = present.sort((a, b) => files.changedAt(seen(b)) - files.changedAt(seen(a)));
  return {
    kept: previous === undefined ? [current] : [current, previous],
    steps: copyTreeStep(files, tree.directory, seen(current)),
  };
}
