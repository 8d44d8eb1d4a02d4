/** Beyond so many different lines all are forgotten, and told once more. */
const linesMax = 1_000;

/** The same trouble is told once, however often somebody comes upon it. */
export function toldOnce(tell: (line: string) => void): (line: string) => void {
  const told = new Set<string>();
  return (line) => {
    if (told.size >= linesMax) told.clear();
    if (!told.has(line)) tell(line);
    told.add(line);
  };
}
