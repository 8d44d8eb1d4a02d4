// polynic lint: manifests and configurations of whatever content. What it finds nothing against can be read by an ADD.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import { stringify } from "yaml";
import { CniError, messageOf } from "../../src/cni/index.ts";
import { checkDocuments } from "../../src/commands/lint/check.ts";
import type { Finding } from "../../src/commands/lint/finding.ts";
import { findingLine, gather } from "../../src/commands/lint/finding.ts";
import { documentsOf, sourcesOf } from "../../src/commands/lint/source.ts";
import { parseYamlDocuments } from "../../src/kube/index.ts";
import { parseDefinition, parseSelections } from "../../src/nad/index.ts";
import { isJsonObject } from "../../src/schema/index.ts";
import type { Random } from "../helpers/random.ts";
import { fuzz, jsonInputs, textInputs } from "./frame.ts";
import { changedJson, changedText } from "./mutation.ts";
import { networkLists, pluginConfs } from "./seeds.ts";

let directory = "";

interface Linted {
  readonly findings: readonly Finding[];
  readonly values: readonly unknown[];
}

async function lint(name: string, text: string): Promise<Linted> {
  const file = join(directory, name);
  writeFileSync(file, text);
  const { findings, report } = gather();
  const documents = (await Promise.all(sourcesOf(file).map((source) => documentsOf(source, report)))).flat();
  checkDocuments(documents, { strict: true, isolated: false, globalNamespaces: undefined, namespace: "blue" }, report);
  const lineCount = text.split("\n").length + 1;
  for (const finding of findings) {
    const line = findingLine(finding);
    const isPlaced = finding.line >= 1 && finding.line <= lineCount && finding.column >= 1
      && Number.isInteger(finding.column);
    if (!isPlaced || /[\n\0]/.test(line) || finding.message === "")
      throw new RangeError(`a finding without a place or words: ${JSON.stringify(line)}`);
  }
  return { findings, values: documents.map(({ value }) => value) };
}

/** What is found is told by a throw of its own, so that it counts as refused. */
class Found extends Error {}

/** @param read  as an ADD reads it; what lint has nothing against must not be refused there */
function throughLint({ findings, values }: Linted, read: (value: unknown) => void): string | undefined {
  if (findings.some(({ level }) => level === "error")) throw new Found();
  try {
    for (const value of values) read(value);
    return undefined;
  } catch (error) {
    return `has no error and is refused by an ADD: ${messageOf(error)}`;
  }
}

/** A file that says nothing is refused in words of its own. */
const refuse = (error: unknown): string | undefined => (
  error instanceof Found || (error instanceof CniError && error.message.includes(directory)) ? undefined
    : `ends with ${error instanceof Error ? error.stack : String(error)}`);

const definitionOf = (config: unknown): object => ({ apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition", metadata: { name: "lan", namespace: "blue" },
  spec: { config: JSON.stringify(config) } });
const podOf = (networks: unknown): object => ({ apiVersion: "v1", kind: "Pod", metadata: {
  name: "web", namespace: "blue",
  annotations: {
    "k8s.v1.cni.cncf.io/networks": typeof networks === "string" ? networks : JSON.stringify(networks),
  },
} });
/** Neither inside of itself, nor what stands behind another plugin alone. */
const isAlone = (conf: object): boolean => !/"(polynic|multus)"/.test(JSON.stringify(conf))
  && !/^\{"type":"(portmap|firewall|tuning|bandwidth|sbr|vrf)"/.test(JSON.stringify(conf));
const definitions = [...networkLists(), ...pluginConfs()].filter(isAlone).map(definitionOf);
const lan = definitions[0] ?? {};

const manifests = suite("a manifest given to lint");
manifests.before(() => { directory = mkdtempSync(join(tmpdir(), "polynic-fuzz-")); });
manifests.after(() => rmSync(directory, { recursive: true }));
/** The text in the object, the object, or the text that all of it is. */
function changedYaml(text: string, random: Random): string {
  if (random.once(3)) return changedText(text, random);
  const [first, ...others] = text.split("\n---\n").map((part): unknown => JSON.parse(part));
  const { value } = changedJson(first, random);
  return [random.once(2) ? value : withInner(first, random), ...others].map((one) => random.once(2) ? stringify(one)
    : JSON.stringify(one)).join("\n---\n");
}

/** A configuration or an annotation that stands in it as a text. */
function withInner(object: any, random: Random): object {
  const changed = (text: string): string => random.once(3) || !/^[[{]/.test(text) ? changedText(text, random)
    : JSON.stringify(changedJson(JSON.parse(text), random).value);
  if (object.spec !== undefined) return { ...object, spec: { config: changed(object.spec.config) } };
  const [[name = "", text = ""] = []] = Object.entries<string>(object.metadata.annotations);
  return { ...object, metadata: { ...object.metadata, annotations: { [name]: changed(text) } } };
}

/** Changes are made to the values of which the text was made. */
const yamlInputs = (objects: readonly (readonly object[])[]) => ({
  ...textInputs(objects.map((each) => each.map((one) => JSON.stringify(one)).join("\n---\n"))), change: changedYaml,
});
manifests("of a definition has findings with places, or is read by an ADD", () => fuzz({
  ...yamlInputs(definitions.map((one) => [one])), title: "definition given to lint", weight: 0.3,
  accept: async (text) => throughLint(await lint("a.yaml", text), (value) => {
    const isOne = isJsonObject(value) && value["kind"] === "NetworkAttachmentDefinition"
      // Nobody's own until it is in a cluster, which has put it into a namespace.
      && isJsonObject(value["metadata"]) && typeof value["metadata"]["namespace"] === "string"
      && value["metadata"]["namespace"] !== "";
    if (isOne) parseDefinition(value);
  }),
  refuse,
}));
manifests("of a pod has findings with places, or is read by an ADD", () => fuzz({
  ...yamlInputs([[podOf("lan"), lan], [podOf([{ name: "lan", interface: "net1" }]), lan],
    [podOf("lan@eth1, blue/lan"), lan]]),
  title: "pod given to lint", weight: 0.3,
  accept: async (text) => throughLint(await lint("a.yaml", text), (value) => {
    if (!isJsonObject(value) || value["kind"] !== "Pod" || !isJsonObject(value["metadata"])) return;
    const { annotations } = value["metadata"], networks = isJsonObject(annotations)
      ? annotations["k8s.v1.cni.cncf.io/networks"] : undefined;
    if (typeof networks === "string")
      parseSelections(networks, { namespace: "blue", strict: true, subject: "annotation" });
  }),
  refuse,
}));
manifests("that is a CNI configuration has findings with places, or is JSON", () => fuzz({
  ...jsonInputs(networkLists()), title: "configuration given to lint", weight: 0.3,
  accept: async ({ text }) => throughLint(await lint("a.conflist", text), (value) => void JSON.stringify(value)),
  refuse,
}));
manifests("is YAML whose values can be printed, or has errors with places", () => fuzz({
  ...textInputs(["a: &x {b: [1, 2]}\nc: *x\n", "- |\n  text\n  more\n- >-\n folded\n---\n? a\n: 'b''c'\n",
    "<<: {a: 1}\nb: 0x10\nc: 1e3\nd: ~\n", '"a\\u0041": "b"\n# c\n...\n', stringify(lan)]),
  title: "YAML",
  async accept(text) {
    const documents = await parseYamlDocuments(text), errors = documents.flatMap((one) => one.errors);
    if (errors.some(({ line, column, message }) => !(line >= 1) || !(column >= 1) || message === ""))
      return "has an error nowhere";
    if (errors.length > 0) throw new Found();
    for (const { value } of documents) JSON.stringify(value);
    return undefined;
  },
  refuse,
}));
manifests.run();
