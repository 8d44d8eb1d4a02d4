/**
 * `polynic lint`: reads manifests and CNI configurations with the code that ADD reads them with, and says what an ADD
 * would refuse or ignore, before anything is on a node. Nothing is asked for: no cluster, no runtime, no host.
 *
 * Exit status: 0 nothing to complain about, 1 an error, 2 not understood or not readable.
 */
import { CniError } from "../../cni/index.ts";
import { writeAnswer, writeLine } from "../../program/index.ts";
import { typedArguments } from "../arguments.ts";
import { UsageError } from "../errors.ts";
import type { CheckOptions, Counts } from "./check.ts";
import { checkDocuments } from "./check.ts";
import type { Finding, Report } from "./finding.ts";
import { findingLine, gather, inOrder } from "./finding.ts";
import type { Source, SourceDocument } from "./source.ts";
import { documentsOf, sourcesOf } from "./source.ts";

/** Runs what stands behind `polynic lint` and gives the exit status. */
export async function runLint(words: readonly string[]): Promise<number> {
  if (words.includes("--help") || words.includes("-h")) return writeAnswer(help) ? 0 : 2;
  try {
    const { names, json, ...options } = understood(words);
    return await lint(names, options, json ? printJson : printLines);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    writeLine(`polynic lint: ${error.message}`);
    return 2;
  }
}

/** What there was, and what was found. */
interface Outcome {
  readonly files: number;
  readonly counts: Counts;
  readonly findings: readonly Finding[];
}

async function lint(
  names: readonly string[],
  options: CheckOptions,
  print: (outcome: Outcome) => boolean,
): Promise<number> {
  const { findings, report } = gather();
  const { sources, documents, unreadable } = await readAll(names, report);
  const counts = checkDocuments(documents, options, report);
  const levelled = findings.map((finding): Finding => options.strict ? { ...finding, level: "error" } : finding);
  const ordered = inOrder(levelled, sources.map(({ file }) => file));
  if (!print({ files: sources.length, counts, findings: ordered }) || unreadable) return 2;
  return ordered.some(({ level }) => level === "error") ? 1 : 0;
}

interface Reading {
  readonly sources: readonly Source[];
  readonly documents: readonly SourceDocument[];
  /** There is something that cannot be read. */
  readonly unreadable: boolean;
}

/** What cannot be read is told at once, and does not keep the rest from being checked. */
async function readAll(names: readonly string[], report: Report): Promise<Reading> {
  const sources: Source[] = [], documents: SourceDocument[] = [];
  let unreadable = false;
  const attempt = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      writeLine(`polynic lint: ${error.message}`);
      unreadable = true;
    }
  };
  for (const name of names) await attempt(() => void sources.push(...sourcesOf(name)));
  for (const source of sources) await attempt(async () => void documents.push(...await documentsOf(source, report)));
  return { sources, documents, unreadable };
}

function printLines({ files, counts, findings }: Outcome): boolean {
  return writeAnswer(
    [...findings.map(findingLine), summary(files, counts, findings)].map((line) => `${line}\n`).join(""),
  );
}

function printJson({ files, counts, findings }: Outcome): boolean {
  const errors = countOf(findings, "error"), warnings = countOf(findings, "warning");
  return writeAnswer(`${JSON.stringify({ files, ...counts, errors, warnings, findings }, null, 2)}\n`);
}

function summary(
  files: number,
  { definitions, pods, networks, multiplexers }: Counts,
  findings: readonly Finding[],
): string {
  const things = [
    [definitions, "definition"],
    [pods, "pod"],
    [networks, "CNI network"],
    [multiplexers, "multiplexer"],
  ] as const;
  const seen = things.filter(([count]) => count > 0).map(([count, noun]) => plural(count, noun));
  const problems = (["error", "warning"] as const).map((level) => plural(countOf(findings, level), level)).join(", ");
  const found = findings.length === 0 ? "nothing to complain about" : problems;
  return `${plural(files, "file")} (${seen.join(", ") || "no networks"}): ${found}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function countOf(findings: readonly Finding[], wanted: Finding["level"]): number {
  return findings.filter(({ level }) => level === wanted).length;
}

function understood(
  words: readonly string[],
): CheckOptions & { readonly names: readonly string[]; readonly json: boolean } {
  const { values, positionals } = typedArguments(
    { args: [...words], options: flags, allowPositionals: true, strict: true },
    "see --help",
  );
  if (positionals.length === 0)
    throw new UsageError("Cannot check nothing: expected polynic lint FILE..., - for stdin");
  return {
    names: positionals,
    json: values.json ?? false,
    strict: values.strict ?? false,
    isolated: values.isolated ?? false,
    globalNamespaces: values["global-namespaces"],
    namespace: values.namespace ?? "default",
  };
}

const flags = {
  strict: { type: "boolean" },
  json: { type: "boolean" },
  isolated: { type: "boolean" },
  "global-namespaces": { type: "string" },
  namespace: { type: "string" },
} as const;

const help = `polynic lint [FLAGS] FILE...: checks networks, pods and CNI configurations without a cluster

FILE is a manifest (YAML or JSON, several documents in one), a CNI configuration (.conf, .conflist, .json), a directory
of them, or - for stdin.

  --strict
      warnings are errors
  --json
      print one JSON document
  --isolated
      pods may use networks of their own namespace and of global ones only, as with namespaceIsolation
  --global-namespaces NAME,...
      as the key globalNamespaces; default: default
  --namespace NAME
      of objects that name none; default: default

Exit status: 0 no errors, 1 errors, 2 a file or an argument cannot be read.
`;
