import { interfaceNameProblem, isIdentifier } from "../net/index.ts";
import { CniError, code } from "./errors.ts";

/** The verbs of CNI 1.1.0. */
export type Command = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

/** The CNI_* variables of a call, checked. Fields a verb does not carry are as given, "" when absent. */
export interface Environment {
  /** As given: an unknown verb is told only after stdin has been read, see `requireCommand`. */
  readonly command: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS verbatim. */
  readonly args: string;
  /** CNI_PATH, split; empty entries are left out. */
  readonly path: readonly string[];
  /** CNI_NETNS_OVERRIDE: the namespace may be the one this process runs in. */
  readonly netnsOverride: boolean;
}

/**
 * The call a runtime describes in the environment.
 *
 * A required variable that is malformed is told at once; missing ones (empty is missing) are told together, in the
 * order of the specification's table.
 *
 * @throws CniError 4
 */
export function parseEnvironment(variables: Readonly<Record<string, string | undefined>>): Environment {
  const command = variables["CNI_COMMAND"] ?? "";
  const missing: string[] = [];
  for (const { name, requiredBy, check } of table) {
    if (requiredBy !== "every verb" && !requiredBy.has(command)) continue;
    const value = variables[name] ?? "";
    if (value === "") missing.push(name);
    else check?.(value);
  }
  if (missing.length > 0) {
    throw new CniError(
      code.invalidEnvironment,
      `Cannot read the environment: required variables ${missing.join(",")} are missing`,
    );
  }
  return {
    command,
    containerId: variables["CNI_CONTAINERID"] ?? "",
    netns: variables["CNI_NETNS"] ?? "",
    ifName: variables["CNI_IFNAME"] ?? "",
    args: variables["CNI_ARGS"] ?? "",
    path: (variables["CNI_PATH"] ?? "").split(":").filter((directory) => directory !== ""),
    netnsOverride: /^(1|true)$/i.test(variables["CNI_NETNS_OVERRIDE"] ?? ""),
  };
}

/**
 * The verb, told last of all.
 *
 * @throws CniError 4 with the very text by which runtimes recognise a plugin older than VERSION
 */
export function requireCommand(command: string): Command {
  if (!isCommand(command)) throw new CniError(code.invalidEnvironment, `unknown CNI_COMMAND: ${command}`);
  return command;
}

/** @throws CniError 4, the id in the details */
export function requireContainerId(id: string): void {
  if (isIdentifier(id)) return;
  throw new CniError(
    code.invalidEnvironment,
    "Cannot use CNI_CONTAINERID: expected a letter or digit, then letters, digits, dots, underscores and hyphens",
    { details: id },
  );
}

/** @throws CniError 4, the name in the details */
export function requireInterfaceName(name: string): void {
  const problem = interfaceNameProblem(name);
  if (problem !== undefined)
    throw new CniError(code.invalidEnvironment, `Cannot use CNI_IFNAME: ${problem}`, { details: name });
}

/**
 * @param subject  where the network's configuration stands, when that is not what the runtime gave
 * @throws CniError 7, the name in the details
 */
export function requireNetworkName(name: string, subject?: string): void {
  if (isIdentifier(name)) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use the network's name${subject === undefined ? "" : ` in ${subject}`}: expected a letter or digit, then ` +
      "letters, digits, dots, underscores and hyphens",
    { details: name },
  );
}

const commands: ReadonlySet<string> = new Set<Command>(["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]);

function isCommand(command: string): command is Command {
  return commands.has(command);
}

interface Variable {
  readonly name: string;
  readonly requiredBy: ReadonlySet<string> | "every verb";
  readonly check?: (value: string) => void;
}

/**
 * CNI specification 1.1.0, "Parameters", in the reference's order; CNI_PATH is optional there and required by runtimes'
 * library.
 */
const table: readonly Variable[] = [
  { name: "CNI_COMMAND", requiredBy: "every verb" },
  { name: "CNI_CONTAINERID", requiredBy: new Set(["ADD", "CHECK", "DEL"]), check: requireContainerId },
  { name: "CNI_NETNS", requiredBy: new Set(["ADD", "CHECK"]) },
  { name: "CNI_IFNAME", requiredBy: new Set(["ADD", "CHECK", "DEL"]), check: requireInterfaceName },
  { name: "CNI_PATH", requiredBy: new Set(["ADD", "CHECK", "DEL", "GC", "STATUS"]) },
];
