/** Files of others that have to make way for ours, and how they do. */
import { join } from "node:path";
import { CommandError } from "../errors.ts";
import type { NodeFiles } from "./node/files.ts";
import type { Primary } from "./configuration/primary.ts";
import { isOwnName } from "./configuration/primary.ts";
import type { InstallRequest } from "./request.ts";
import type { Area, InstallState, Made, Move } from "./node/state.ts";
import { ownFolder } from "./node/state.ts";
import type { Step } from "./node/step.ts";
import { keepStep, renameStep } from "./node/step.ts";
import { isOurs } from "./take-back.ts";

/** What a file's name ends in once it has made way: runtimes do not read that, and none of our own files has it. */
export const setAside = ".before-polynic";

/**
 * Where executables of the plugin directory are put that make way. Another name beside the old one would do for a
 * runtime, but could be called as a plugin by whoever may define a network.
 */
export const executablesAside = join(ownFolder, "before");

/** What there is to look at. */
export interface Look {
  readonly before: InstallState | undefined;
  readonly files: NodeFiles;
  at(area: Area, name: string): string;
}

/** Files that have a name we need and are not ours: now, or when we came here first. */
export function replacements(names: readonly Made[], { before, files, at }: Look): readonly Move[] {
  return names.flatMap((one) => {
    const { area, name } = one;
    const to = area === "bin" ? join(executablesAside, name) : `${name}${setAside}`;
    const isKept = files.kind(at(area, to)) !== undefined;
    const isInTheWay = files.kind(at(area, name)) !== undefined && !isOurs(one, { state: before, files, at });
    if (files.kind(at(area, name)) === "directory")
      throw new CommandError(`Cannot install ${at(area, name)}: it is a directory, expected nothing or a file there`);
    return isKept || isInTheWay ? [{ area, from: name, to, why: "replaced" as const }] : [];
  });
}

const multusName = "multus";

/** Whether a Multus's executable is in the plugin directory, or was before ours took its name. */
export function hadMultus({ before, files, at }: Look): boolean {
  const one: Made = { area: "bin", name: multusName };
  const isThere = files.kind(at("bin", multusName)) !== undefined && !isOurs(one, { state: before, files, at });
  return isThere || files.kind(at("bin", join(executablesAside, multusName))) !== undefined;
}

/**
 * A Multus's executables under names that nobody knows for what they are, as `multus.old`: a network's definition could
 * name one as its plugin.
 */
export function oldExecutables(names: readonly string[], look: Look): readonly Move[] {
  const found = names
    .filter((name) => name.startsWith(`${multusName}.`) && look.files.kind(look.at("bin", name)) !== "directory")
    .map((from): Move => ({ area: "bin", from, to: join(executablesAside, from), why: "nested" }));
  return [...keptMoves(look).filter(({ from }) => !names.includes(from)), ...found];
}

/** Those that were moved before and have not come back. */
export function keptMoves({ before, files, at }: Look): readonly Move[] {
  const nested = before?.moved.filter(({ why }) => why === "nested") ?? [];
  return nested.filter(({ area, to }) => files.kind(at(area, to)) !== undefined);
}

/** Files the runtime would take before ours, and the primary configuration where that is asked for. */
export function movesAway(
  request: InstallRequest,
  { multus, primary }: { readonly multus: readonly string[]; readonly primary: Primary | undefined },
  { before, files, at }: Look,
): readonly Move[] {
  const earlier = (before?.moved ?? []).filter(
    ({ area, to, why }) => why === "front" && files.kind(at(area, to)) !== undefined,
  );
  const front = multus.map((from): Move => ({ area: "conf", from, to: `${from}${setAside}`, why: "front" }));
  const moves = [
    ...earlier.filter(({ from }) => !multus.includes(from)),
    ...(request.confFile === undefined ? front : []),
  ];
  return request.renamePrimary && primary !== undefined
    ? [...moves, primaryMove(request, primary, { before, files, at })]
    : moves;
}

function primaryMove({ stem }: InstallRequest, { name: from }: Primary, { before, files, at }: Look): Move {
  const move: Move = { area: "primary", from, to: `${from}.old`, why: "asked" };
  const isKnown = before?.moved.some(({ area, to }) => area === move.area && to === move.to) === true;
  if (!isKnown && !isOwnName(from, stem) && files.kind(at("primary", move.to)) !== undefined) {
    throw new CommandError(
      `Cannot rename ${at("primary", from)}: ${move.to} is there already, expected that name to be free`,
    );
  }
  return move;
}

/** Second names for files that ours are about to replace, where they have none yet. */
export function keepSteps(moves: readonly Move[], { files, at }: Look): readonly Step[] {
  return moves.filter(({ area, to, why }) => why === "replaced" && files.kind(at(area, to)) === undefined)
    .map(({ area, from, to }) => keepStep(at(area, from), at(area, to)));
}

/** New names for the others, where they stand. */
export function renameSteps(moves: readonly Move[], { files, at }: Look): readonly Step[] {
  return moves.filter(({ area, from, why }) => why !== "replaced" && files.kind(at(area, from)) !== undefined)
    .map(({ area, from, to }) => renameStep(at(area, from), at(area, to)));
}
