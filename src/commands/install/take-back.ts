/** Giving back what was moved and removing what was made, whether all of it was done or only some. */
import { dirname } from "node:path";
import type { NodeFiles } from "./node/files.ts";
import type { Area, InstallState, Made, Move } from "./node/state.ts";
import { ownFolder } from "./node/state.ts";
import type { Step } from "./node/step.ts";
import { removeStep, renameStep } from "./node/step.ts";

export function sameEntry(a: Made, b: Made): boolean {
  return a.area === b.area && a.name === b.name;
}

interface Look {
  readonly state: InstallState | undefined;
  readonly files: NodeFiles;
  at(area: Area, name: string): string;
}

/**
 * Whether what stands at a name is ours: the record says so, nobody's file waits to be moved away from there, and a
 * link leads to one of our trees.
 */
export function isOurs(one: Made, { state, files, at }: Look): boolean {
  if (state?.made.some((other) => sameEntry(one, other)) !== true) return false;
  const move = state.moved.find(({ area, from }) => area === one.area && from === one.name);
  if (move !== undefined && files.kind(at(move.area, move.to)) === undefined) return false;
  const path = at(one.area, one.name);
  return dirname(one.name) === ownFolder || !isForeignLink(files, one.area, path);
}

/** In the plugin directory all that is ours are links into our folder there. */
function isForeignLink(files: NodeFiles, area: Area, path: string): boolean {
  const kind = files.kind(path);
  return (
    area === "bin" && kind !== undefined && !(kind === "link" && files.linkTarget(path).startsWith(`${ownFolder}/`))
  );
}

/**
 * The steps that put a file back under its name; a newer one of its owner's stays, and the note says where the old one
 * is.
 */
export function giveBackSteps(
  files: NodeFiles, move: Move, { at, made }: Pick<Look, "at"> & { readonly made: readonly Made[] },
): { readonly steps: readonly Step[]; readonly notes: readonly string[] } {
  const from = at(move.area, move.from), to = at(move.area, move.to);
  if (files.kind(to) === undefined) return { steps: [], notes: [] };
  const isOver =
    move.why === "replaced" &&
    made.every(({ area, name }) => area !== move.area || name !== move.from) &&
    !isForeignLink(files, move.area, from);
  if (files.kind(from) === undefined || isOver) return { steps: [renameStep(to, from)], notes: [] };
  if (files.kind(from) === "file" && files.kind(to) === "file" && files.digest(from) === files.digest(to))
    return { steps: removeStep(files, to), notes: [] };
  return { steps: [], notes: [`${to} is left where it is: ${from} has been written again since`] };
}

/** The steps that remove one entry, unless somebody else's file stands there by now or will be back there. */
export function removeMadeSteps(
  files: NodeFiles,
  one: Made,
  { at, state }: Pick<Look, "at"> & { readonly state: InstallState },
): readonly Step[] {
  const isGivenBack = state.moved.some(
    ({ area, from, why }) => why === "replaced" && area === one.area && from === one.name,
  );
  if (isGivenBack || !isOurs(one, { state, files, at })) return [];
  return removeStep(files, at(one.area, one.name));
}
