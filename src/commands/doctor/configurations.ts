/** Configurations of this machine: what lint says of them, what they need, and which of them counts. */
import { join } from "node:path";
import { CniError } from "../../cni/index.ts";
import { findProgram } from "../../os/index.ts";
import { builtIn } from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Runtime } from "../install/node/runtimes.ts";
import { checkDocuments } from "../lint/check.ts";
import { gather } from "../lint/finding.ts";
import { documentsOf } from "../lint/source.ts";
import type { Configuration } from "../machine/configuration.ts";
import { configurationFiles, isReadable, multiplexerIn } from "../machine/configuration.ts";
import type { Finding } from "./finding.ts";

/** What lint says, which reads as ADD does. */
export async function lintFindings(directories: readonly string[]): Promise<readonly Finding[]> {
  const { findings, report } = gather(), unread: Finding[] = [], documents = [];
  for (const { file } of configurationFiles(directories))
    try {
      documents.push(...await documentsOf({ file, fromDirectory: true }, report));
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      unread.push({ severity: "error", about: file, what: error.message, fix: "correct it, or take it away" });
    }
  const options = { strict: false, isolated: false, globalNamespaces: undefined, namespace: "default" };
  checkDocuments(documents, options, report);
  // Whether a program is there is looked up here.
  const found = findings.filter(({ message }) => !message.includes("is not built in"));
  return [...unread, ...found.map(({ file, line, level, path, message }): Finding => ({
    severity: level,
    about: `${file}:${line}`,
    what: `${path === "" ? "" : `${path}: `}${message}`,
    fix: `correct it, then polynic lint ${file}`,
  }))];
}

/** Types of all plugins, also within multiplexers, and `bridge with vlan` for what a key needs. */
export function usedTypes(directories: readonly string[]): ReadonlySet<string> {
  const plugins = configurationFiles(directories).filter(isReadable)
    .flatMap(({ configuration }) => pluginsIn(configuration.json));
  return new Set(plugins.flatMap((plugin) => {
    const type = String(plugin["type"]);
    const isFirewalled = plugin["ipMasq"] === true || plugin["macspoofchk"] === true;
    return [
      type,
      ...(type === "bridge" && (plugin["vlan"] ?? plugin["vlanTrunk"]) ? ["bridge with vlan"] : []),
      ...(type === "bridge" && isFirewalled ? ["bridge with ipMasq or macspoofchk"] : []),
    ];
  }));
}

/** Every object with a type, those for addresses too. */
function pluginsIn(value: unknown): readonly JsonObject[] {
  if (Array.isArray(value)) return value.flatMap(pluginsIn);
  if (!isJsonObject(value)) return [];
  const { type, plugins, delegates, ipam, delegate } = value;
  const inner = [plugins, delegates, ipam, delegate].flatMap(pluginsIn);
  return typeof type === "string" && type !== "" ? [value, ...inner] : inner;
}

/**
 * A runtime starts the plugins of its own networks itself; within a multiplexer only what is not built in is started.
 *
 * @param path  where executables of networks are looked for that no runtime reads
 */
export function missingExecutables(
  directories: readonly string[],
  runtimes: readonly Runtime[],
  path: readonly string[],
): readonly Finding[] {
  return configurationFiles(directories).filter(isReadable).flatMap(({ file, configuration }) => {
    const readers = runtimes.filter(({ confDir, idle }) => idle === undefined && file === join(confDir, file.slice(
      file.lastIndexOf("/") + 1)));
    const places = readers.length === 0
      ? [{ who: "CNI_PATH", binDirs: path }]
      : readers.map(({ name, binDirs }) => ({ who: name, binDirs }));
    return places.flatMap(({ who, binDirs }) =>
      neededOf(configuration).filter((type) => findProgram(type, binDirs) === undefined).map((type): Finding => ({
        severity: "error",
        about: file,
        what: `plugin "${type}" is not in ${binDirs.join(", ")}, where ${who} looks for it`,
        fix: builtIn.has(type) || type === "polynic" || type === "multus"
          ? `polynic install, or a link of that name to polynic in ${binDirs.at(-1)}`
          : `install the program that has it (Debian: containernetworking-plugins), or correct the type`,
      })),
    );
  });
}

function neededOf(configuration: Configuration): readonly string[] {
  const types = pluginsIn(configuration.json).map(({ type }) => String(type));
  const multiplexer = multiplexerIn(configuration);
  if (multiplexer === undefined) return [...new Set(types)];
  return [...new Set(types.filter((type) => type === multiplexer["type"] || !builtIn.has(type)))];
}

/** Which file a runtime takes, and who else wants to be it. */
export function primaryFindings(directories: readonly string[], runtimes: readonly Runtime[]): readonly Finding[] {
  return [...duplicates(directories), ...runtimes
    .filter(({ name, idle }) => name !== "podman" && idle === undefined)
    .flatMap(({ name, confDir }) => outranked(name, confDir))];
}

function duplicates(directories: readonly string[]): readonly Finding[] {
  const all = configurationFiles(directories).filter(isReadable);
  return all.flatMap(({ file, configuration }, index): readonly Finding[] => {
    const first = all.slice(0, index).find((other) => other.configuration.name === configuration.name);
    if (first === undefined) return [];
    return [{
      severity: "error",
      about: file,
      what: `network "${configuration.name}" stands in ${first.file}, too, and that one is used`,
      fix: "take one of them away, or give it another name",
    }];
  });
}

function outranked(runtime: string, confDir: string): readonly Finding[] {
  const [first, ...others] = configurationFiles([confDir]).filter(isReadable);
  if (first === undefined) return [];
  return others.filter(({ configuration }) => multiplexerIn(configuration) !== undefined).map(({ file }): Finding => ({
    severity: "error",
    about: confDir,
    what: `${first.file} and ${file} both want to be the network of ${runtime}, which takes the first: ` +
      "the multiplexer is never asked",
    fix: `take ${first.file} out of the directory, or name ${file} so that it stands before`,
  }));
}
