/**
 * `polynic lint`: reads manifests and CNI configurations with the code that ADD reads them with, and says what an ADD
 * would refuse or ignore, before anything is on a node. Nothing is asked for: no cluster, no runtime, no host.
 */
import { CniError } from "../../cni/index.ts";
import type { Status } from "../command.ts";
import { command } from "../command.ts";
import { jsonOption } from "../options.ts";
import type { Output } from "../output.ts";
import type { CheckOptions, Counts } from "./check.ts";
import { checkDocuments } from "./check.ts";
import type { Finding, Report } from "./finding.ts";
import { findingLine, gather, inOrder } from "./finding.ts";
import type { Source, SourceDocument } from "./source.ts";
import { documentsOf, sourcesOf } from "./source.ts";

export const lintCommand = command({
  about:
    "With the code that an ADD reads them with: a line for each thing an ADD would refuse (error), do otherwise " +
    "than is written (warning), or do where Multus does not (note). A line is file:line:column: level: key: what is " +
    "true, what would be right.",
  parameters: {
    file: {
      count: "some",
      help:
        "a manifest (YAML or JSON, several documents in one), a CNI configuration (.conf, .conflist, .json), a " +
        "directory of them, or - for stdin",
      completes: "file",
    },
  },
  options: {
    strict: { kind: "switch", help: "warnings are errors" },
    ...jsonOption,
    isolated: {
      kind: "switch",
      help: "pods may use networks of their own namespace and of global ones only, as with namespaceIsolation",
    },
    "global-namespaces": { kind: "text", value: "NAME,...", help: "as the key globalNamespaces; default: default" },
    namespace: { kind: "text", value: "NAME", help: "of objects that name none; default: default" },
  },
  examples: [
    { line: "polynic lint conf", help: "everything in a directory" },
    { line: "kubectl get net-attach-def,pod -A -o yaml | polynic lint -", help: "what a cluster has" },
  ],
  statuses: { 0: "no errors", 1: "errors", 2: "a file or an argument cannot be read" },
  async run({ parameters, options, ...output }) {
    const { strict = false, isolated = false, namespace = "default", json = false } = options;
    const checked = { strict, isolated, namespace, globalNamespaces: options["global-namespaces"] };
    return await lint(parameters.file, checked, { ...output, print: json ? printJson : printLines });
  },
});

/** What there was, and what was found. */
interface Outcome {
  readonly files: number;
  /** Of the files, and of what was named besides. */
  readonly unreadable: number;
  readonly counts: Counts;
  readonly findings: readonly Finding[];
}

interface LintOutput extends Output {
  print(outcome: Outcome, output: Output): void;
}

async function lint(names: readonly string[], options: CheckOptions, output: LintOutput): Promise<Status> {
  const { findings, report } = gather();
  const { sources, documents, unreadable } = await readAll(names, { report, output });
  const counts = checkDocuments(documents, options, report);
  const levelled = options.strict ? findings.map(strictly) : findings;
  const ordered = inOrder(levelled, sources.map(({ file }) => file));
  output.print({ files: sources.length, unreadable, counts, findings: ordered }, output);
  if (unreadable > 0) return 2;
  return ordered.some(({ level }) => level === "error") ? 1 : 0;
}

function strictly(finding: Finding): Finding {
  return finding.level === "warning" ? { ...finding, level: "error" } : finding;
}

interface Reading {
  readonly sources: readonly Source[];
  readonly documents: readonly SourceDocument[];
  /** How many names and files cannot be read. */
  readonly unreadable: number;
}

/** What cannot be read is told at once, and does not keep the rest from being checked. */
async function readAll(
  names: readonly string[],
  { report, output }: { readonly report: Report; readonly output: Output },
): Promise<Reading> {
  const sources: Source[] = [], documents: SourceDocument[] = [];
  let unreadable = 0;
  const attempt = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      output.warn(`polynic lint: ${error.message}`);
      unreadable++;
    }
  };
  for (const name of names) await attempt(() => void sources.push(...sourcesOf(name)));
  for (const source of sources) await attempt(async () => void documents.push(...await documentsOf(source, report)));
  return { sources, documents, unreadable };
}

function printLines(outcome: Outcome, { say }: Output): void {
  for (const finding of outcome.findings) say(findingLine(finding));
  say(summary(outcome));
}

function printJson({ files, unreadable, counts, findings }: Outcome, { json }: Output): void {
  const [errors, warnings, notes] = levels.map((level) => countOf(findings, level));
  json({ files, unreadable, ...counts, errors, warnings, notes, findings });
}

const levels = ["error", "warning", "note"] as const;

function summary({ files, unreadable, counts, findings }: Outcome): string {
  const { definitions, pods, networks, multiplexers } = counts;
  const things = [
    [definitions, "definition"],
    [pods, "pod"],
    [networks, "CNI network"],
    [multiplexers, "multiplexer"],
  ] as const;
  const seen = things.filter(([count]) => count > 0).map(([count, noun]) => plural(count, noun));
  const found = verdict(unreadable, seen.length, findings);
  return `${plural(files, "file")} (${seen.join(", ") || "no networks"}): ${found}`;
}

/** Nothing was found to be wrong only where something was looked at. */
function verdict(unreadable: number, seen: number, findings: readonly Finding[]): string {
  const [errors = 0, warnings = 0, notes = 0] = levels.map((level) => countOf(findings, level));
  const isClean = errors + warnings + unreadable === 0;
  const clean = seen === 0 ? "nothing to check" : "nothing to complain about";
  return [
    ...(isClean ? [clean] : [plural(errors, "error"), plural(warnings, "warning")]),
    ...(notes > 0 ? [plural(notes, "note")] : []),
    ...(unreadable > 0 ? [`${unreadable} not readable`] : []),
  ].join(", ");
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function countOf(findings: readonly Finding[], wanted: Finding["level"]): number {
  return findings.filter(({ level }) => level === wanted).length;
}
