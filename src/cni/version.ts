import type { Command } from "./environment.ts";
import { CniError, code } from "./errors.ts";

/** Every cniVersion of the specification, oldest first; what a plugin without limits of its own lists. */
export const allVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** The newest version, in whose shape results are held. */
export const newestVersion = "1.1.0";

/** What a missing or empty cniVersion means. */
export const impliedVersion = "0.1.0";

/** All versions from that one on, for plugins that cannot say what they do in an older one. */
export function versionsFrom(oldest: typeof allVersions[number]): readonly string[] {
  return allVersions.slice(allVersions.indexOf(oldest));
}

/** Verbs that came with a later version of the specification. */
const verbSince: Readonly<Record<string, string>> = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" };

/** Whether a network of that version knows the verb. */
export function knowsVerb(cniVersion: string, verb: Command): boolean {
  return compareVersions(cniVersion, verbSince[verb] ?? "0.1.0") >= 0;
}

/**
 * Negative, 0 or positive: by number, missing parts 0, empty 0.1.0.
 *
 * @throws CniError 6 for anything but up to three integers joined by dots
 */
export function compareVersions(a: string, b: string): number {
  const left = parseVersion(a);
  const right = parseVersion(b);
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/**
 * Checks that a plugin may serve a verb for a configuration of that version.
 *
 * @param configVersion  as in the configuration; "" is 0.1.0
 * @throws CniError 1 naming both sides, 6 when a version that must be compared cannot be
 */
export function requireVersion(verb: string, configVersion: string, supported: readonly string[]): void {
  const version = configVersion === "" ? impliedVersion : configVersion;
  const since = verbSince[verb];
  if (since !== undefined) {
    const details = versionDetails(version, supported);
    if (compareVersions(version, since) < 0) {
      throw new CniError(
        code.incompatibleVersion,
        `Cannot serve ${verb} for cniVersion ${JSON.stringify(version)}: expected ${since} or newer`,
        { details },
      );
    }
    if (!supported.some((own) => compareVersions(own, version) >= 0)) {
      throw new CniError(
        code.incompatibleVersion,
        `Cannot serve ${verb} for cniVersion ${JSON.stringify(version)}: the plugin speaks ${listed(supported)}`,
        { details },
      );
    }
  }
  if (!supported.includes(version)) {
    throw new CniError(
      code.incompatibleVersion,
      `Cannot use cniVersion ${JSON.stringify(version)}: expected one of ${listed(supported)}`,
      { details: versionDetails(version, supported) },
    );
  }
}

/**
 * The version of a network list: the highest of `cniVersions` and `cniVersion` that is not above 1.1.0, else
 * `cniVersion` as it stands, which then fails where it is used.
 *
 * @param subject  names the list in messages
 * @throws CniError 6 for an entry that is no version
 */
export function chooseVersion(
  cniVersion: string, cniVersions: readonly string[] | undefined, subject = "the network list",
): string {
  if (cniVersions === undefined) return cniVersion;
  const wrong = cniVersions.findIndex((version) => !isVersion(version));
  if (wrong >= 0) throw noVersion(subject, `cniVersions[${wrong}]`, cniVersions[wrong] ?? "");
  if (!isVersion(cniVersion)) throw noVersion(subject, "cniVersion", cniVersion);
  const candidates = [...cniVersions, ...(cniVersion === "" ? [] : [cniVersion])].filter(
    (version) => compareVersions(version, newestVersion) <= 0,
  );
  const [highest] = candidates.sort((a, b) => compareVersions(b, a));
  return highest ?? cniVersion;
}

function noVersion(subject: string, key: string, text: string): CniError {
  return new CniError(
    code.decodingFailure,
    `Cannot read ${subject}: ${key} is ${JSON.stringify(text.slice(0, shownChars))}, ${expectedVersion}`,
  );
}

/** What VERSION prints: one line with its end. */
export function printVersions(supported: readonly string[]): string {
  return `${JSON.stringify({ cniVersion: newestVersion, supportedVersions: supported })}\n`;
}

/** What a plugin says on stderr when it is run without CNI_COMMAND, with the line ends. */
export function printAbout(about: string, supported: readonly string[]): string {
  return `${about}\nCNI protocol versions supported: ${listed(supported)}\n`;
}

const shownChars = 64, expectedVersion = "expected up to three numbers such as 1.1.0";
const versionPattern = /^(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?$/;

function isVersion(text: string): boolean {
  return text === "" || versionPattern.test(text);
}

function parseVersion(text: string): readonly [number, number, number] {
  const version = text === "" ? impliedVersion : text;
  const match = versionPattern.exec(version);
  if (match === null) {
    throw new CniError(
      code.decodingFailure,
      `Cannot read cniVersion ${JSON.stringify(text.slice(0, shownChars))}: ${expectedVersion}`,
    );
  }
  return [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)];
}

function versionDetails(version: string, supported: readonly string[]): string {
  return `config is ${JSON.stringify(version)}, plugin supports ${listed(supported)}`;
}

function listed(versions: readonly string[]): string {
  return versions.join(", ");
}
