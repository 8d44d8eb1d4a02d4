import { CniError, code } from "./errors.ts";

/**
 * The known keys of CNI_ARGS (`K=V;K=V`), as strict as the reference plugins that parse it. The last of equal keys
 * wins.
 *
 * @param known  keys the plugin understands, case-sensitive; IgnoreUnknown is understood always
 * @throws CniError 4 for a part without exactly one `=`, for unknown keys unless IgnoreUnknown is on, and for a bad
 *   IgnoreUnknown
 */
export function parseArgs<K extends string>(text: string, known: readonly K[]): Partial<Record<K, string>> {
  if (text === "") return {};
  const pairs = parseArgPairs(text);
  const names: ReadonlySet<string> = new Set(known);
  const unknown = pairs.map(([key]) => key).filter((key) => key !== ignoreUnknown && !names.has(key));
  const ignore =
    pairs
      .filter(([key]) => key === ignoreUnknown)
      .map(([, value]) => parseArgBoolean(value))
      .at(-1) ?? false;
  if (unknown.length > 0 && !ignore) {
    throw new CniError(
      code.invalidEnvironment,
      `Cannot use CNI_ARGS: ${unknown.map((key) => JSON.stringify(key)).join(", ")} unknown, expected ` +
        `${[...known, ignoreUnknown].join(", ")}, or ${ignoreUnknown}=1`,
    );
  }
  const values: Partial<Record<K, string>> = {};
  // The filter leaves pairs whose key is in `known`.
  for (const [key, value] of pairs) if (names.has(key)) values[key as K] = value;
  return values;
}

/**
 * CNI_ARGS as pairs in order, repeats kept.
 *
 * @throws CniError 4 for a part without exactly one `=`; a `;` at the end makes such a part
 */
export function parseArgPairs(text: string): readonly (readonly [string, string])[] {
  if (text === "") return [];
  return text.split(";").map((part) => {
    const [key, value, more] = part.split("=");
    if (key === undefined || value === undefined || more !== undefined) {
      throw new CniError(
        code.invalidEnvironment,
        `Cannot use CNI_ARGS: ${JSON.stringify(part)} is no pair, expected KEY=VALUE;KEY=VALUE`,
      );
    }
    return [key, value] as const;
  });
}

/**
 * The pairs that can be had: a value may hold `=`, parts without one are skipped. For passing on what others will
 * judge.
 */
export function splitArgPairs(text: string): readonly (readonly [string, string])[] {
  return text.split(";").filter((part) => part.includes("=")).map((part) => {
    const equals = part.indexOf("=");
    return [part.slice(0, equals), part.slice(equals + 1)] as const;
  });
}

/** CNI_ARGS text of pairs. */
export function formatArgPairs(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([key, value]) => `${key}=${value}`).join(";");
}

/** `1`, `0`, `true`, `false`, the words in any case. */
export function parseArgBoolean(text: string): boolean {
  const value = text.toLowerCase();
  if (value === "1" || value === "true") return true;
  if (value === "0" || value === "false") return false;
  throw new CniError(
    code.invalidEnvironment,
    `Cannot use CNI_ARGS: ${JSON.stringify(text)} is no truth value, expected 1, 0, true or false`,
  );
}

const ignoreUnknown = "IgnoreUnknown";
