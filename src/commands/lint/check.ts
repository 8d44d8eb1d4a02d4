import type { MuxConf } from "../../mux/index.ts";
import { parseGlobalNamespaces } from "../../nad/index.ts";
import { asksForNetworks, checkMisplaced } from "./annotation.ts";
import type { CniFile } from "./cni-file.ts";
import { checkCniFile, isCniConfig } from "./cni-file.ts";
import type { CheckedDefinition } from "./definition.ts";
import { checkDefinition } from "./definition.ts";
import type { Report } from "./finding.ts";
import type { ManifestObject } from "./manifest.ts";
import { isBrokenManifest, isManifest, objectsOf } from "./manifest.ts";
import type { PodContext } from "./pod.ts";
import { checkPod } from "./pod.ts";
import type { SourceDocument } from "./source.ts";

export interface CheckOptions {
  readonly strict: boolean;
  /** Namespaces are kept apart, whatever the multiplexer's configuration says. */
  readonly isolated: boolean;
  readonly globalNamespaces: string | undefined;
  /** Namespace of objects that name none. */
  readonly namespace: string;
}

/** How much there was to be checked. */
export interface Counts {
  readonly definitions: number;
  readonly pods: number;
  readonly networks: number;
  readonly multiplexers: number;
}

/** Checks all documents, each by itself and against the others. */
export function checkDocuments(documents: readonly SourceDocument[], options: CheckOptions, report: Report): Counts {
  const objects = documents.flatMap(({ value, spot }) =>
    isManifest(value) ? objectsOf(value, spot, options.namespace) : [],
  );
  const files = documents.flatMap(({ value, spot }): readonly CniFile[] =>
    !isManifest(value) && isCniConfig(value) ? [{ json: value, spot }] : [],
  );
  for (const { source, value, spot } of documents) {
    if (isBrokenManifest(value))
      report("error", spot, "apiVersion or kind is missing or no text, expected both, as of a cluster's objects");
    else if (!source.fromDirectory && !isManifest(value) && !isCniConfig(value))
      report(
        "warning",
        spot,
        "it is neither an object of a cluster nor a CNI configuration: nothing of it was checked",
      );
  }
  const checked = checkFiles(files, report);
  const definitions = definitionsOf(objects, report);
  const isolation = isolationOf(checked.multiplexers, options),
    multusNamespace = multusNamespaceOf(checked.multiplexers);
  const context = { report, strict: options.strict, isolation, multusNamespace, definitions };
  const pods = objects.filter(({ kind }) => kind === "pod");
  for (const pod of pods) checkPod(pod, context);
  for (const object of objects.filter(({ kind }) => kind === "other")) checkMisplaced(object, report);
  return {
    definitions: definitions.size,
    pods: pods.filter(asksForNetworks).length,
    networks: checked.networks,
    multiplexers: checked.multiplexers.length,
  };
}

interface CheckedFiles {
  readonly networks: number;
  readonly multiplexers: readonly MuxConf[];
}

function checkFiles(files: readonly CniFile[], report: Report): CheckedFiles {
  const lists = new Set(
    files.flatMap(({ json: { name, plugins } }) =>
      typeof name === "string" && (Array.isArray(plugins) || plugins === undefined) ? [name] : [],
    ),
  );
  const checked = files.map((file) => checkCniFile(file, lists, report));
  return {
    networks: checked.reduce((sum, { networks }) => sum + networks, 0),
    multiplexers: checked.flatMap(({ multiplexers }) => multiplexers),
  };
}

/** By `namespace/name`; one that cannot be used is known all the same. */
function definitionsOf(
  objects: readonly ManifestObject[],
  report: Report,
): ReadonlyMap<string, CheckedDefinition | undefined> {
  const definitions = new Map<string, CheckedDefinition | undefined>();
  for (const object of objects.filter(({ kind }) => kind === "definition")) {
    const key = `${object.namespace}/${object.name}`;
    if (definitions.has(key))
      report(
        "warning",
        object.spot.at("metadata", "name"),
        `"${key}" is defined twice among these files, and one replaces the other`,
      );
    definitions.set(key, checkDefinition(object, report));
  }
  return definitions;
}

function isolationOf(
  multiplexers: readonly MuxConf[],
  { isolated, globalNamespaces }: CheckOptions,
): PodContext["isolation"] {
  const isolating = multiplexers.find(({ cluster }) => cluster.namespaceIsolation);
  const names = globalNamespaces ?? isolating?.cluster.globalNamespaces;
  return { isolated: isolated || isolating !== undefined, globalNamespaces: parseGlobalNamespaces(names) };
}

function multusNamespaceOf([first]: readonly MuxConf[]): string {
  return first?.cluster.multusNamespace ?? "kube-system";
}
