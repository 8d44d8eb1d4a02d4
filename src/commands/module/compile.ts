import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { CommandError } from "../errors.ts";
import { importFile } from "./import-file.ts";

/** The part of the AssemblyScript compiler that is used here. */
export interface Compiler {
  main(
    options: readonly string[],
    io: {
      readonly readFile: (name: string, baseDir: string) => string | null;
      readonly listFiles: () => readonly string[];
      readonly writeFile: (name: string, contents: string | Uint8Array<ArrayBuffer>) => void;
    },
  ): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>;
}

/** Sources the compiler refused; the message holds its own words, with file, line and column. */
export class CompileError extends CommandError {
  override readonly name = "CompileError";
}

/** The version the flags below were tried with. */
export const compilerVersion = "0.28.20";

/** How every module is compiled: the compiler's own kind of file, beside the folder the SDK comes in or above it. */
const configName = "asconfig.json";

/** The package name sources import the SDK by, and how the compiler calls its files. */
const sdkPackage = "polynic";
const abortFunction = `~lib/${sdkPackage}/fault/abort`;

/**
 * The compiler, from the node_modules of `folder` or of a folder above it, else from those around this program (a
 * checkout's). With binaryen it is 100 MB and takes half a second to load: an author has it, a node has not.
 *
 * @throws CompileError that says how to add it
 */
export async function loadCompiler(folder: string): Promise<Compiler> {
  const file = findCompiler(folder) ?? findCompiler(import.meta.dirname);
  if (file !== undefined) {
    // Its own declarations want a browser's; `main` is called as they have it.
    const { default: compiler } = await importFile(pathToFileURL(file).href) as { default: Compiler };
    return compiler;
  }
  throw new CompileError(
    `Cannot compile in ${folder}: the AssemblyScript compiler is not installed, expected it there or in a folder ` +
      `above (npm install --save-dev assemblyscript@${compilerVersion})`,
  );
}

function findCompiler(folder: string): string | undefined {
  const file = join(folder, "node_modules", "assemblyscript", "dist", "asc.js");
  if (existsSync(file)) return file;
  const above = dirname(folder);
  return above === folder ? undefined : findCompiler(above);
}

export interface Sources {
  readonly compiler: Compiler;
  /** Absolute. */
  readonly folder: string;
  /** The entry file, relative to the folder. */
  readonly entry: string;
  /** Directory of the SDK, whose file `module.ts` is imported as `polynic/module`. */
  readonly sdk: string;
  readonly flags?: readonly string[];
}

/**
 * The bytes of the module, without metadata and not metered. The same sources give the same bytes, wherever they lie.
 *
 * @throws CompileError
 */
export async function compileSources({
  compiler,
  folder,
  entry,
  sdk,
  flags = [],
}: Sources): Promise<Uint8Array<ArrayBuffer>> {
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await compiler.main(
    [
      entry,
      "--baseDir",
      folder,
      "--lib",
      sdkLibrary,
      "--use",
      `abort=${abortFunction}`,
      "--outFile",
      "module.wasm",
      "--config",
      configName,
      ...flags,
    ],
    {
      readFile: (name, baseDir) =>
        name === configName
          ? readText(findConfig(dirname(sdk)))
          : baseDir === sdkLibrary
            ? readSdk(sdk, name)
            : readText(join(baseDir, name)),
      listFiles: () => [],
      writeFile: (_, contents) => {
        if (typeof contents !== "string") wasm = contents;
      },
    },
  );
  if (error !== null || wasm === undefined) {
    const said = stderr.toString().trim();
    throw new CompileError(
      `Cannot compile ${join(folder, entry)}: ${said === "" ? (error?.message ?? "no output") : said}`,
      { cause: error },
    );
  }
  return wasm;
}

/** Stands for the SDK among the compiler's library directories. */
const sdkLibrary = "polynic-sdk";

function findConfig(folder: string): string {
  const file = join(folder, configName);
  if (existsSync(file)) return file;
  const above = dirname(folder);
  if (above === folder)
    throw new CompileError(
      `Cannot compile: there is no ${configName} beside the SDK, expected the one polynic comes with`,
    );
  return findConfig(above);
}

function readSdk(sdk: string, name: string): string | null {
  return name.startsWith(`${sdkPackage}/`) ? readText(join(sdk, name.slice(sdkPackage.length + 1))) : null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // the compiler tries several places for one import
  }
}

/** The module with its metadata as custom section `cni.module`, which nothing but the host reads. */
export function withMetadata(wasm: Uint8Array, metadata: object): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode("cni.module");
  const text = new TextEncoder().encode(JSON.stringify(metadata));
  const content = [...leb128(name.length), ...name, ...text];
  return Uint8Array.from([...wasm, 0, ...leb128(content.length), ...content]);
}

function leb128(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128(value >>> 7)];
}
