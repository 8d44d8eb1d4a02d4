import type { ParseArgsConfig } from "node:util";
import { parseArgs } from "node:util";
import { messageOf } from "../cni/index.ts";
import { UsageError } from "./errors.ts";

/**
 * What a person typed, taken apart by node:util's parseArgs.
 *
 * @param hint  what would be right: `see --help`
 * @throws UsageError
 */
export function typedArguments<T extends ParseArgsConfig>(config: T, hint: string): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (cause) {
    // What follows the first sentence is advice about more arguments of parseArgs's own.
    const [said = ""] = messageOf(cause).split(". ");
    throw new UsageError(`Cannot understand the arguments: ${said}, ${hint}`, { cause });
  }
}
