/**
 * As much of TOML as runtimes' configurations need to tell where they look: tables, and keys of text or lists of text.
 */

/** Values by table and key: `values.get("network")?.get("cni_plugin_dirs")`; a single text is a list of one. */
export type TomlTexts = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

const header = /^\s*\[+\s*([^\]]+?)\s*\]+\s*(?:#.*)?$/;
const assignment = /^\s*("?[\w.-]+"?)\s*=\s*(.*)$/;
/** Of a list, or of a text; what is in it cannot hold a quote of its own kind. */
const text = /"((?:[^"\\]|\\.)*)"|'([^']*)'/g;

/** What cannot be understood is left out: it is the runtime's to complain about. */
export function parseTomlTexts(source: string): TomlTexts {
  const tables = new Map<string, Map<string, readonly string[]>>();
  let table = "";
  const lines = source.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const [, name] = header.exec(line) ?? [];
    if (name !== undefined) table = name;
    const [, key = "", first] = assignment.exec(line) ?? [];
    if (name !== undefined || first === undefined) continue;
    let value = withoutComment(first);
    while (value.startsWith("[") && !value.includes("]") && i + 1 < lines.length)
      value += withoutComment(lines[++i] ?? "");
    const texts = [...value.matchAll(text)].map(([, double, single]) => double ?? single ?? "");
    tables.set(table, (tables.get(table) ?? new Map()).set(key.replaceAll('"', ""), texts));
  }
  return tables;
}

/** A `#` in quotes is none. */
function withoutComment(value: string): string {
  return /^(?:[^"'#]|"(?:[^"\\]|\\.)*"|'[^']*')*/.exec(value)?.[0].trim() ?? value;
}
