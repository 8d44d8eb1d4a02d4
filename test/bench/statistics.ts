/** Times in milliseconds, summed up. */
export interface Summary {
  readonly medianMs: number;
  readonly minMs: number;
  readonly count: number;
}

export function summarize(timesMs: readonly number[]): Summary {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const medianMs = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
  return { medianMs, minMs: sorted[0] ?? Number.NaN, count: sorted.length };
}

/** How long `work` takes, in milliseconds. */
export function timeMs(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Rows under a header as a Markdown table, which reads well on a terminal too. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, i) => i === 0 ? (row[i] ?? "").padEnd(width) : (row[i] ?? "").padStart(width)).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`).join("|")}|`;
  return [line(header), rule, ...rows.map(line)].join("\n");
}

export function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

export function ratio(value: number, of: number): string {
  return (value / of).toFixed(2);
}

/** The most a figure may be, and whether it is. */
export function against(value: number, most: number): string {
  return `<= ${most} ${value <= most ? "yes" : "NO"}`;
}
