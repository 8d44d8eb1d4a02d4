/** Looks again and again: redraws a terminal when something has changed, else prints a line for each change. */
import { printable } from "../../wasm/index.ts";
import type { Output } from "../output.ts";
import { changeLines } from "./changes.ts";
import type { NodeModel } from "./model.ts";
import { treeLines } from "./tree.ts";

export interface Watched {
  /** Looks at the node. */
  look(): Promise<NodeModel>;
  /** Waits before the next look; false when it is enough. */
  wait(): Promise<boolean>;
  readonly isTerminal: boolean;
  /** Of the terminal. */
  readonly rows: number;
  now(): Date;
}

export async function watch(
  { look, wait, isTerminal, rows, now }: Watched,
  { say, style, columns }: Pick<Output, "say" | "style" | "columns">,
): Promise<void> {
  let seen: NodeModel | undefined;
  do {
    const model = await look();
    const changes = seen === undefined ? undefined : changeLines(seen, model);
    if (isTerminal) {
      if (changes?.length !== 0) say(screen(treeLines(model, { style, columns }), rows));
    } else {
      const time = now().toISOString();
      for (const line of changes ?? changeLines({ ...model, links: [], containers: [] }, model))
        say(printable(`${time} ${line}`, lineChars));
    }
    seen = model;
  } while (await wait());
}

const lineChars = 2_000;

/** As many lines as the terminal holds, from its upper left corner: ECMA-48 CUP and ED. */
function screen(lines: readonly string[], rows: number): string {
  const room = Math.max(1, rows - 2);
  const more = lines.length - room + 1;
  const shown = more <= 1 ? lines : [...lines.slice(0, room - 1), `… ${more} more lines`];
  return `\x1b[H\x1b[2J${shown.join("\n")}`;
}
