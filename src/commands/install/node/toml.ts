/**
 * As much of TOML as runtimes' configurations need to tell where they look: tables, and keys of text or lists of text.
 */

/** Values by table and key: `values.get("network")?.get("cni_plugin_dirs")`; a single text is a list of one. */
export type TomlTexts = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

const assignment = /^\s*("?[\w.-]+"?)\s*=\s*(.*)$/s;

/** What cannot be understood is left out: it is the runtime's to complain about. */
export function parseTomlTexts(source: string): TomlTexts {
  const tables = new Map<string, Map<string, readonly string[]>>();
  let table = "";
  const lines = source.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const name = headerOf(line);
    if (name !== undefined) table = name;
    const [, key = "", value] = assignment.exec(line) ?? [];
    if (name !== undefined || value === undefined) continue;
    let part = textsIn(value);
    const texts = [...part.texts];
    while (value.startsWith("[") && !part.isEnd && i + 1 < lines.length) {
      part = textsIn(lines[++i] ?? "");
      texts.push(...part.texts);
    }
    tables.set(table, (tables.get(table) ?? new Map()).set(key.replaceAll('"', ""), texts));
  }
  return tables;
}

/** `plugins."io.containerd.grpc.v1.cri".cni` of `[plugins."io.containerd.grpc.v1.cri".cni]  # ...` */
function headerOf(line: string): string | undefined {
  const text = line.trim();
  if (!text.startsWith("[")) return undefined;
  const end = text.indexOf("]");
  const name = text.slice(countOf(text, "[", 0), end).trim();
  const rest = text.slice(end + countOf(text, "]", end)).trim();
  return end < 0 || name === "" || (rest !== "" && !rest.startsWith("#")) ? undefined : name;
}

function countOf(text: string, char: string, from: number): number {
  let at = from;
  while (text[at] === char) at++;
  return at - from;
}

/** A line of a value: its texts up to a comment (a `#` in quotes is none), and whether a list ends in it. */
function textsIn(line: string): { readonly texts: readonly string[]; readonly isEnd: boolean } {
  const texts: string[] = [];
  let isEnd = false;
  for (let at = 0; at < line.length && line[at] !== "#"; at++) {
    const char = line[at];
    if (char === "]") isEnd = true;
    if (char !== '"' && char !== "'") continue;
    const end = closingQuote(line, at);
    if (end < 0) break;
    texts.push(line.slice(at + 1, end));
    at = end;
  }
  return { texts, isEnd };
}

/** What is in single quotes has no escapes. */
function closingQuote(line: string, start: number): number {
  const quote = line[start] ?? "";
  if (quote === "'") return line.indexOf(quote, start + 1);
  for (let at = start + 1; at < line.length; at++) {
    if (line[at] === "\\") at++;
    else if (line[at] === quote) return at;
  }
  return -1;
}
