/** The name somebody may have meant. */

/**
 * The known name that is nearest to what was typed, or undefined when none is near: at most a third of its letters
 * wrong, or what was typed is how it begins.
 */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  const begun = typed.length >= 2 ? known.filter((name) => name.startsWith(typed)) : [];
  if (begun.length === 1) return begun[0];
  const [best] = known
    .map((name) => ({ name, distance: distanceOf(typed, name) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return best?.name;
}

/** Words that other programs have for the same. */
const alike: readonly (readonly string[])[] = [
  ["ls", "list", "ps", "get", "show"],
  ["inspect", "describe", "show"],
  ["attach", "connect", "add"],
  ["create", "new"],
  ["detach", "disconnect"],
  ["rm", "remove", "delete", "del", "detach"],
  ["gc", "prune", "cleanup", "clean"],
  ["free", "release"],
  ["lint", "validate"],
];

/** The known command that somebody may have meant: one that is called so elsewhere, else the nearest. */
export function meantCommand(typed: string, known: readonly string[]): string | undefined {
  const same = alike.filter((words) => words.includes(typed)).flat().find((word) => known.includes(word));
  return same ?? nearest(typed, known);
}

/** How many letters are wrong, missing, too many or exchanged with their neighbour. */
function distanceOf(a: string, b: string): number {
  let last: readonly number[] = [], row: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const cost = Math.min(at(row, j) + 1, at(next, j - 1) + 1, at(row, j - 1) + same);
      const isExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(isExchanged ? Math.min(cost, at(last, j - 2) + 1) : cost);
    }
    [last, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
