/** Rows under headings, aligned. */
import { printable } from "../wasm/index.ts";
import type { Style } from "./style.ts";

export interface Table {
  readonly columns: readonly Column[];
  /** A cell for each column: "" is shown as a dash, " " as nothing. */
  readonly rows: readonly (readonly Cell[])[];
}

export interface Column {
  readonly title: string;
  /** Figures. */
  readonly isRight?: true;
}

/** Text, or text with a colour. */
export type Cell = string | { readonly text: string; readonly style: keyof Style };

/** Names of others come from files and other programs; what is longer is no name any more. */
const cellChars = 2_000;

/** Lines without the end of a line; none for no rows, where a sentence says more than headings. */
export function tableLines(table: Table, style: Style): readonly string[] {
  const { columns, rows } = withoutBlank(table);
  if (rows.length === 0) return [];
  const heads = columns.map(({ title }): Cell => ({ text: title, style: "bold" }));
  const lines = [heads.map(shownCell), ...rows.map((row) => row.map(dashedCell))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => widthOf(line[index]?.text ?? ""))));
  return lines.map((line) =>
    line
      .map(({ text, paint }, index) => {
        const gap = " ".repeat((widths[index] ?? 0) - widthOf(text));
        const painted = paint === undefined ? text : style[paint](text);
        if (columns[index]?.isRight === true) return `${gap}${painted}`;
        return index === line.length - 1 ? painted : `${painted}${gap}`;
      })
      .join("  ")
      .trimEnd(),
  );
}

/** What no row has, as a reason where nothing is wrong, needs no heading. */
function withoutBlank({ columns, rows }: Table): Table {
  const isSaid = columns.map((_, index) => rows.some((row) => textOf(row[index] ?? "") !== " "));
  const left = <T>(cells: readonly T[]): readonly T[] => cells.filter((_, index) => isSaid[index] === true);
  return { columns: left(columns), rows: rows.map(left) };
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

interface ShownCell {
  readonly text: string;
  readonly paint: keyof Style | undefined;
}

function shownCell(cell: Cell): ShownCell {
  return { text: printable(textOf(cell), cellChars), paint: typeof cell === "string" ? undefined : cell.style };
}

/** An empty cell could be taken for the next one's margin. */
function dashedCell(cell: Cell): ShownCell {
  const shown = shownCell(cell);
  return shown.text === "" ? { ...shown, text: "-" } : shown;
}

/** In characters of a terminal, of which a code point takes one here: wide ones do not stand in names of networks. */
function widthOf(text: string): number {
  return [...text].length;
}
