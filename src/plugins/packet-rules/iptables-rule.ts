/** Rules of iptables as text: what `iptables-save` prints and `iptables-restore` reads. */
import { CniError, code } from "../../cni/index.ts";

/** One rule of a saved table. */
export interface SavedRule {
  readonly chain: string;
  /** What follows `-A CHAIN`, quotes resolved. */
  readonly words: readonly string[];
  /** The same as printed: with `-D ` in front it deletes the rule. */
  readonly text: string;
}

/** Whether the saved table has the chain. */
export function hasChain(saved: readonly string[], chain: string): boolean {
  return saved.some((line) => line.startsWith(`:${chain} `));
}

/** Rules of one chain. */
export function rulesOf(saved: readonly string[], chain: string): readonly SavedRule[] {
  return saved.filter((line) => line.startsWith(`-A ${chain} `)).map(parseRule);
}

/** Rules, in any chain, whose target is the chain. */
export function rulesJumpingTo(saved: readonly string[], chain: string): readonly SavedRule[] {
  return saved
    .filter((line) => line.startsWith("-A ") && line.includes(chain))
    .map(parseRule)
    .filter((rule) => jumpOf(rule) === chain);
}

/** The target: an extension such as MASQUERADE, or a chain. Target options may follow it. */
export function jumpOf(rule: SavedRule): string | undefined {
  const at = rule.words.findLastIndex((word) => word === "-j" || word === "-g");
  return at < 0 ? undefined : rule.words[at + 1];
}

/** The word behind an option, as `--comment` or `--dports`. */
export function optionOf(rule: SavedRule, option: string): string | undefined {
  const at = rule.words.indexOf(option);
  return at < 0 ? undefined : rule.words[at + 1];
}

/** Whether the chain has this very rule, written as the tool prints it. */
export function hasRule(saved: readonly string[], chain: string, words: readonly string[]): boolean {
  return rulesOf(saved, chain).some(
    (rule) => rule.words.length === words.length && rule.words.every((word, i) => word === words[i]),
  );
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

function parseRule(line: string): SavedRule {
  const text = line.slice("-A ".length);
  const [chain = "", ...words] = splitWords(text);
  return { chain, words, text };
}
