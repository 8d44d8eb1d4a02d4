/** Rules of iptables as text: what `iptables-save` prints and `iptables-restore` reads. */
import { CniError, code } from "../../cni/index.ts";

/** A rule and the chain it is in. */
export interface ChainRule {
  readonly chain: string;
  /** What follows `-A CHAIN`, without quotes. */
  readonly words: readonly string[];
}

/** One rule of a saved table. */
export interface SavedRule extends ChainRule {
  /** The same as printed: with `-D ` in front it deletes the rule. */
  readonly text: string;
}

/** The target: an extension such as MASQUERADE, or a chain. Target options may follow it. */
export function jumpOf(rule: Pick<ChainRule, "words">): string | undefined {
  const at = rule.words.findLastIndex((word) => word === "-j" || word === "-g");
  return at < 0 ? undefined : rule.words[at + 1];
}

/** The word behind an option, as `--comment` or `--dports`. */
export function optionOf(rule: Pick<ChainRule, "words">, option: string): string | undefined {
  const at = rule.words.indexOf(option);
  return at < 0 ? undefined : rule.words[at + 1];
}

/**
 * `CHAIN word word...` with quotes where `iptables-restore` needs them.
 *
 * @throws CniError 7 for a word that would end the line: the tool reads one rule a line, whatever the quotes
 */
export function ruleText(chain: string, words: readonly string[]): string {
  return [chain, ...words.map(quoted)].join(" ");
}

/** The tool's own limit of one word is 1023 bytes; longer ones are refused by it. */
function quoted(word: string): string {
  if (/[\0\r\n]/.test(word)) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use ${JSON.stringify(word)} in an iptables rule: it holds a line break or NUL, expected one word`,
    );
  }
  return /^[\w!.,:/[\]=+-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Words as a shell would split them: quotes of both kinds, and a backslash before any character. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  for (const [token] of line.matchAll(/(?:[^\s"'\\]|\\[^]|"(?:[^"\\]|\\[^])*"|'[^']*')+/g)) {
    words.push(
      token.replaceAll(
        /\\([^])|"((?:[^"\\]|\\[^])*)"|'([^']*)'/g,
        (_, escaped?: string, double?: string, single?: string) =>
          escaped ?? double?.replaceAll(/\\([^])/g, "$1") ?? single ?? "",
      ),
    );
  }
  return words;
}

/** A rule line of a saved table: `-A CHAIN words...`. */
export function parseRule(line: string): SavedRule {
  const text = line.slice("-A ".length);
  const [chain = "", ...words] = splitWords(text);
  return { chain, words, text };
}
