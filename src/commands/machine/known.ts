/** The containers that this machine's multiplexed networks have attached, as far as they are remembered. */
import { splitArgPairs } from "../../cni/index.ts";
import { openNamespaceIfPresent } from "../../kernel/index.ts";
import type { Remains } from "../../service/index.ts";
import { netnsOf, remainsIn } from "../../service/index.ts";
import { CommandError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { ProcessEnvironment } from "../output.ts";
import { anyOf } from "../words.ts";
import { configurationFiles, isReadable, multiplexerIn } from "./configuration.ts";
import type { ConfDirOptions } from "./directories.ts";
import { confDirs, pluginPath, usualStateDirectory } from "./directories.ts";
import { byHand } from "./network-call.ts";

/** A container's attachment, and what people call it. */
export interface Remembered extends Remains {
  /** What people call the container: its name, or its id cut short. */
  readonly label: string;
  readonly netns: string;
  /** Somebody has attached it by hand. */
  readonly isByHand: boolean;
}

export interface StateOptions extends Partial<ConfDirOptions> {
  readonly "state-dir": string | undefined;
}

/** Where attachments are remembered: the directory that was named, or the usual one and those of configurations. */
export function stateDirs({ "state-dir": named, "conf-dir": confDir }: StateOptions): readonly string[] {
  if (named !== undefined) return [named];
  const ofConfigurations = configurationFiles(confDirs({ "conf-dir": confDir }))
    .filter(isReadable)
    .flatMap(({ configuration }) => multiplexerIn(configuration)?.["cniDir"] ?? [])
    .map(String);
  return [...new Set([usualStateDirectory, ...ofConfigurations])];
}

/** The node's configuration of a multiplexed network, as it is now; of one that is gone, what the first one says. */
export function settingsOf(
  { "conf-dir": confDir }: Partial<ConfDirOptions>,
): (network: string | undefined) => Remains["settings"] {
  const all = configurationFiles(confDirs({ "conf-dir": confDir })).filter(isReadable)
    .flatMap(({ configuration }) => {
      const settings = multiplexerIn(configuration);
      return settings === undefined ? [] : [{ name: configuration.name, settings }];
    });
  return (network) => (all.find(({ name }) => name === network) ?? all[0])?.settings;
}

/** All of them, by container and interface. */
export function rememberedAttachments(
  options: StateOptions,
  environment: ProcessEnvironment,
): readonly Remembered[] {
  const path = pluginPath(environment), settings = settingsOf(options);
  return stateDirs(options)
    .flatMap((stateDir) => remainsIn(stateDir, path, settings).map(toRemembered))
    .sort((a, b) => compare(a.label, b.label) || compare(a.containerId, b.containerId) || compare(a.ifName, b.ifName));
}

/** Those of one container that somebody has attached by hand. */
export function rememberedByHand(
  containerId: string,
  options: StateOptions,
  environment: ProcessEnvironment,
): readonly Remembered[] {
  return rememberedAttachments(options, environment)
    .filter((one) => one.isByHand && one.containerId === containerId);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function toRemembered(remains: Remains): Remembered {
  const { containerId, multiplexer } = remains;
  return {
    ...remains,
    label: nameIn(multiplexer?.args ?? "") ?? shortId(containerId),
    netns: netnsOf(remains),
    isByHand: multiplexer?.network === byHand,
  };
}

/** `web`, `shop/web-0`; undefined where the runtime gave no name. */
function nameIn(args: string): string | undefined {
  const pairs = new Map(splitArgPairs(args));
  const name = pairs.get("K8S_POD_NAME") ?? "", namespace = pairs.get("K8S_POD_NAMESPACE") ?? "";
  if (name === "") return undefined;
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** As container engines cut theirs. */
export function shortId(containerId: string): string {
  return /^[0-9a-f]{64}$/.test(containerId) ? containerId.slice(0, 12) : containerId;
}

/** Of the containers that are named when none is meant. */
const listedMax = 8;

/** Fewer letters of an id could be a name. */
const idCharsMin = 4;

/** Whether a word means that container: its name, its id or the beginning of it, its namespace. */
export function isMeant({ label, containerId, netns }: Remembered, word: string): boolean {
  if (word === label || word === containerId || (netns !== "" && word === netns)) return true;
  return word === label.split("/").at(-1) || (word.length >= idCharsMin && containerId.startsWith(word));
}

/**
 * Those that the words mean; all of them without a word.
 *
 * @throws CommandError for a word that means none
 */
export function chosen(all: readonly Remembered[], words: readonly string[]): readonly Remembered[] {
  for (const word of words) {
    if (all.some((one) => isMeant(one, word))) continue;
    const labels = [...new Set(all.map(({ label }) => label))];
    const listed = labels.length === 0 ? "one that polynic has attached" : anyOf(labels.slice(0, listedMax));
    throw new CommandError(
      `Cannot find container "${word}": no attachment of it is remembered, expected ${nearest(word, labels) ?? listed}`,
    );
  }
  return words.length === 0 ? all : all.filter((one) => words.some((word) => isMeant(one, word)));
}

/** there: its namespace can be entered. gone: nothing is there any more. */
export function namespaceState(netns: string): "there" | "gone" {
  try {
    const namespace = openNamespaceIfPresent(netns);
    namespace?.close();
    return namespace === undefined ? "gone" : "there";
  } catch {
    return "gone"; // a file that is no namespace, as docker stop leaves one
  }
}
