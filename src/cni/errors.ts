/**
 * CNI error codes. 0-99 belong to the specification, 100+ are ours.
 * Source: CNI specification 1.1.0, section "Error".
 */
export const code = {
  /** The configuration's cniVersion is one we do not speak; the message names both. */
  incompatibleVersion: 1,
  /** A field we do not support; the message holds the key and its value. */
  unsupportedField: 2,
  /** The container is gone: the runtime need not call DEL. */
  unknownContainer: 3,
  /** A CNI_* variable is missing or invalid; the message names it. */
  invalidEnvironment: 4,
  /** Reading or writing failed; the message holds the path. */
  ioFailure: 5,
  /** Input could not be decoded. */
  decodingFailure: 6,
  /** The network configuration is refused; the message holds the field's path and what is allowed. */
  invalidConfig: 7,
  /** CNI_NETNS is not a usable network namespace. */
  invalidNetns: 8,
  /** Worth retrying later; the message says what to wait for. */
  tryAgainLater: 11,
  /** STATUS: cannot serve ADD. */
  notReady: 50,
  /** STATUS: cannot serve ADD, and existing attachments may be impaired. */
  impaired: 51,
  /** A pool has no address left. */
  exhausted: 100,
  /** A requested address cannot be had. */
  addressUnavailable: 101,
  /** The interface holds an address of the range set already. */
  alreadyReserved: 102,
  /** The kernel refused an operation. */
  kernel: 110,
  /** An attachment is not as it should be (CHECK). */
  attachmentBroken: 111,
  /** An executable could not be run or answered nonsense. */
  executable: 112,
  /** The cluster's API refused, or answered nonsense. */
  cluster: 120,
  /** WASM modules, see src/wasm. */
  moduleNotFound: 140,
  moduleDigest: 141,
  moduleRefused: 142,
  moduleFuel: 143,
  moduleTrap: 144,
  moduleAnswer: 145,
  moduleDecision: 146,
  /** The library's generic error in the reference; for us a bug of our own. */
  internal: 999,
} as const;

/** What leaves the process when a command fails; `message` becomes the specification's `msg`. */
export class CniError extends Error {
  override readonly name = "CniError";
  readonly code: number;
  readonly details: string | undefined;

  constructor(code: number, message: string, options: { details?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }
}

/** What somebody has thrown, in words: its message where it is an error. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/**
 * A text of others as every message, log line and event may show it, on one line: it can neither look like a line of
 * its own nor tell a terminal what to do, and reads in the order in which it is written.
 */
export function printable(text: string): string {
  return text.replaceAll(unprintable, " ");
}

/** C0, DEL, C1, Unicode's own separators of lines, and what turns the direction of writing. */
const unprintable = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * What a failed command prints on stdout: indented JSON without an end of line, `details` only when there are any.
 *
 * @param cniVersion  the configuration's; the newest when it could not be read
 */
export function printError(error: CniError, cniVersion: string): string {
  const details = error.details === undefined || error.details === "" ? {} : { details: bounded(error.details) };
  return JSON.stringify({ cniVersion, code: error.code, msg: bounded(error.message), ...details }, null, 4);
}

/**
 * Messages repeat what somebody wrote, which may be a megabyte; runtimes keep them in logs and events, try after try.
 */
const textCharsMax = 8 * 1024;

function bounded(message: string): string {
  const text = printable(message);
  return text.length > textCharsMax ? `${text.slice(0, textCharsMax)}... (${text.length} characters)` : text;
}
