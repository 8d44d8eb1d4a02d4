import { readFileSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { ModuleMetadata } from "../../wasm/index.ts";
import { MetadataError, parseMetadata } from "../../wasm/index.ts";
import { CommandError } from "../errors.ts";

/** A module's folder, as `module new` makes it. */
export interface ModuleFolder {
  /** Absolute. */
  readonly path: string;
  readonly metadata: ModuleMetadata;
  /** Where the entry is, relative to the folder. */
  readonly entry: string;
  /** What `module build` writes. */
  readonly output: string;
  /** Absolute, sorted. */
  readonly cases: readonly string[];
}

/**
 * The folder at a path, here when absent.
 *
 * @throws CommandError when it holds no module.json, or one with a mistake
 */
export function readModuleFolder(path = "."): ModuleFolder {
  const folder = resolve(path);
  const file = join(folder, "module.json");
  const metadata = readMetadata(file);
  return {
    path: folder,
    metadata,
    entry: "assembly/index.ts",
    output: join(folder, "build", `${metadata.name}.wasm`),
    cases: casesIn(join(folder, "cases")),
  };
}

function readMetadata(file: string): ModuleMetadata {
  const value = readJson(file, "polynic module new makes a folder that has one");
  try {
    return parseMetadata(new TextEncoder().encode(JSON.stringify(value)));
  } catch (cause) {
    if (!(cause instanceof MetadataError)) throw cause;
    throw new CommandError(`Cannot use ${shown(file)}: ${cause.message}`, { cause });
  }
}

/**
 * A JSON file a person wrote.
 *
 * @throws CommandError with the path and the line of a mistake
 */
export function readJson(file: string, hint: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new CommandError(`Cannot read ${shown(file)}: it is not there or not readable, ${hint}`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CommandError(`Cannot read ${shown(file)}: ${cause instanceof Error ? cause.message : "it is no JSON"}`, {
      cause,
    });
  }
}

function casesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json")).sort().map((name) => join(folder, name));
  } catch {
    return []; // a module without cases is a poor one, not a broken one
  }
}

/** A path as a person would type it from here. */
export function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}
