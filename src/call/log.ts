import { lstatSync, readdirSync, renameSync, statSync, unlinkSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { messageOf, printable } from "../cni/index.ts";
import { errnoOf, makeDirectory, writeInPlace } from "../os/index.ts";
import type { Log } from "../plugins/index.ts";

export interface LogOptions {
  readonly toStderr: boolean;
  /** "" for none. */
  readonly file: string;
  /** panic, error, verbose or debug in any case; "" for the default, panic. */
  readonly level: string;
  readonly rotation: {
    /** Days a rotated file is kept. */
    readonly maxAge?: number;
    /** MB a file may reach. */
    readonly maxSize?: number;
    /** Rotated files that are kept. */
    readonly maxBackups?: number;
    /** Accepted and not done: compressing would hold up the network of the container whose turn it happens to be. */
    readonly compress?: boolean;
  };
}

/** Levels in rising verbosity, as Multus names them. */
const levels = ["panic", "error", "verbose", "debug"];
const defaultRotation = { maxAge: 5, maxSize: 100, maxBackups: 5 };
const megabyte = 1024 * 1024;
const dayMs = 24 * 60 * 60 * 1000;

/**
 * A log of lines `<RFC 3339 time> [<level>] <message>`. Warnings are written at every level: they are rare, and about
 * something that a configuration asked for and does not get. A log that cannot be written never fails a command, nor
 * holds it up; stderr is told why.
 */
export function openLog(
  options: LogOptions,
  tell: (text: string) => void,
  now: () => Date = () => new Date(),
): Log {
  const wanted = levels.indexOf(options.level.toLowerCase());
  const threshold = Math.max(wanted, 0);
  const write = lineWriter(options, tell, now);
  const at = (level: string, message: string): void => {
    if (levels.indexOf(level) <= threshold) write(level, message);
  };
  const log: Log = {
    error: (message) => at("error", message),
    warn: (message) => write("warning", message),
    verbose: (message) => { if (levels.indexOf("verbose") <= threshold) write("verbose", message()); },
    debug: (message) => at("debug", message),
  };
  if (wanted < 0 && options.level !== "")
    log.warn(`Cannot use logLevel "${options.level}": expected panic, error, verbose or debug`);
  return log;
}

function lineWriter(
  options: LogOptions,
  tell: (text: string) => void,
  now: () => Date,
): (level: string, message: string) => void {
  const { file, toStderr } = options;
  const lineOf = (level: string, message: string) => `${now().toISOString()} [${level}] ${oneLine(message)}\n`;
  let rotated = false, isUsable = file !== "";
  return (level, message) => {
    const line = lineOf(level, message);
    if (toStderr) tell(line);
    if (!isUsable) return;
    if (!rotated) quietly(() => rotate(options, now()));
    rotated = true;
    try {
      append(file, line);
    } catch (error) {
      isUsable = false;
      tell(lineOf("warning", `Cannot write logFile "${file}": ${whyNot(error)}`));
    }
  };
}

/** No link is followed and no pipe waited for; a file that is made is for root alone, its directory for all to see. */
function append(file: string, line: string): void {
  try {
    writeInPlace(file, line, "append");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    makeDirectory(dirname(file), 0o755);
    writeInPlace(file, line, "append");
  }
}

function whyNot(error: unknown): string {
  switch (errnoOf(error)) {
    case "ELOOP": return "it is a symbolic link, expected a file";
    case "ENXIO": return "it is a pipe that nobody reads, expected a file";
    default: return messageOf(error);
  }
}

/** A message repeats what others wrote. */
function oneLine(message: string): string {
  const text = printable(message);
  return text.length > lineCharsMax ? `${text.slice(0, lineCharsMax)}... (${text.length} characters)` : text;
}

const lineCharsMax = 8 * 1024;

/**
 * Moves a file that has grown too large aside and drops old ones; processes that race here find a small file and leave
 * it.
 */
function rotate({ file, rotation }: LogOptions, now: Date): void {
  const { maxAge, maxSize, maxBackups } = { ...defaultRotation, ...rotation };
  const size = lstatSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (maxSize === 0 || size < maxSize * megabyte) return;
  const directory = dirname(file), extension = extname(file), stem = basename(file, extension);
  renameSync(file, join(directory, `${stem}-${now.toISOString().replaceAll(":", "-")}${extension}`));
  const backups = readdirSync(directory).filter((name) => isBackup(name, stem, extension)).sort().reverse();
  backups.forEach((name, age) => {
    const path = join(directory, name);
    const tooMany = maxBackups > 0 && age >= maxBackups;
    const tooOld = maxAge > 0 && now.getTime() - statSync(path).mtimeMs > maxAge * dayMs;
    if (tooMany || tooOld) unlinkSync(path);
  });
}

function isBackup(name: string, stem: string, extension: string): boolean {
  return name.startsWith(`${stem}-`) && name.endsWith(extension)
    && /^\d{4}-\d\d-\d\dT[\d.-]+Z$/.test(name.slice(stem.length + 1, name.length - extension.length));
}

function quietly(work: () => unknown): void {
  try {
    work();
  } catch {
    return;
  }
}
