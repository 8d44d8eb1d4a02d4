/** The network configurations of this machine, as a runtime finds them. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { CniError, messageOf, parseJsonObject, parseNetworkList, parseSinglePlugin } from "../../cni/index.ts";
import type { NetworkConf } from "../../cni/index.ts";
import { multiplexerTypes } from "../../mux/index.ts";
import { naming } from "../../os/index.ts";
import { readNamedFile } from "../../program/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { CommandError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { anyOf } from "../words.ts";

/** One network that can be read. */
export interface Configuration {
  /** Absolute; undefined: it stands in no file. */
  readonly file: string | undefined;
  readonly name: string;
  /** As its author wrote it. */
  readonly json: JsonObject;
  readonly network: NetworkConf;
}

/** A file of a configuration directory. */
export interface ConfigurationFile {
  readonly file: string;
  /** Or why it cannot be used. */
  readonly configuration: Configuration | CniError;
}

const extensions: ReadonlySet<string> = new Set([".conf", ".conflist", ".json"]);

/** Those of the directories, in the order in which runtimes read them. */
export function configurationFiles(directories: readonly string[]): readonly ConfigurationFile[] {
  return directories.flatMap((directory) =>
    namesIn(directory)
      .filter((name) => extensions.has(extname(name)))
      .sort(byBytes)
      .map((name) => ({ file: join(directory, name), configuration: attempt(join(directory, name)) })),
  );
}

export function isReadable(
  file: ConfigurationFile,
): file is ConfigurationFile & { readonly configuration: Configuration } {
  return !(file.configuration instanceof CniError);
}

/** @throws CniError when it cannot be read as a network */
export function readConfiguration(path: string): Configuration {
  const file = resolve(path);
  return { file, ...networkOf(parseJsonObject(naming(file, () => readNamedFile(file)), file), file) };
}

/** @param subject  what it is called in messages */
export function networkOf(json: JsonObject, subject: string): Omit<Configuration, "file"> {
  const network = typeof json["type"] === "string" ? parseSinglePlugin(json, subject) : parseNetworkList(json, subject);
  return { name: network.name, json, network };
}

/** The multiplexer's own keys, where the whole network is one multiplexer. */
export function multiplexerIn({ json, network }: Pick<Configuration, "json" | "network">): JsonObject | undefined {
  const [plugin, second] = network.plugins;
  if (plugin === undefined || second !== undefined || !multiplexerTypes.has(plugin.type)) return undefined;
  return typeof json["type"] === "string" ? json : plugin;
}

/**
 * The network that a word means: a file, or a name in one of the directories.
 *
 * @param others  what else was looked at, for the message
 * @throws CommandError saying which there are
 */
export function findConfiguration(word: string, directories: readonly string[], others = ""): Configuration {
  if (word.includes("/") || (extensions.has(extname(word)) && existsSync(word))) return readConfiguration(word);
  const files = configurationFiles(directories);
  const found = files.filter(isReadable).find(({ configuration }) => configuration.name === word);
  if (found !== undefined) return found.configuration;
  // One that cannot be read may be the one that is meant.
  const broken = files.find(({ file }) => file.endsWith(`/${word}`) || file.includes(`/${word}.`))?.configuration;
  if (broken instanceof CniError) throw broken;
  throw new CommandError(`Cannot find network "${word}": ${missing(word, files, directories, others)}`);
}

function missing(
  word: string, files: readonly ConfigurationFile[], directories: readonly string[], others: string,
): string {
  const names = files.filter(isReadable).map(({ configuration }) => configuration.name);
  const places = directories.join(" and ");
  if (names.length === 0) return `there is no configuration in ${places}${others}, expected one, or a file's path`;
  return `no configuration in ${places} has that name${others}, expected ${nearest(word, names) ?? anyOf(names)}`;
}

function attempt(path: string): Configuration | CniError {
  try {
    // A pipe that stands there would be waited for.
    if (!statSync(path).isFile()) throw new Error("it is no regular file");
    return readConfiguration(path);
  } catch (error) {
    return error instanceof CniError ? error : new CniError(5, `Cannot read ${path}: ${messageOf(error)}`);
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // a runtime finds none there either
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
