/** Every command there is, with its tables, for what is made of all of them: the page in docs and completion. */
import type { Command, CommandRows } from "./command.ts";
import { isGroup } from "./command.ts";

/** One command, by all the words of its name. */
export interface NamedCommand {
  /** `polynic module build` */
  readonly name: string;
  readonly summary: string;
  readonly command: Command;
}

/** In the order of the overview; a group stands where its commands do. */
export async function allCommands(rows: CommandRows, name: string): Promise<readonly NamedCommand[]> {
  const found: NamedCommand[] = [];
  for (const [word, { summary, load }] of Object.entries(rows)) {
    const entry = await load(), full = `${name} ${word}`;
    if (isGroup(entry)) found.push(...(await allCommands(entry.rows, full)));
    else found.push({ name: full, summary, command: entry });
  }
  return found;
}
