/**
 * Options of the iptables tool itself, as opposed to what a packet must match: commands, where to look for modules,
 * what to print. Among conditions they would make another request of the rule, and some of them one that succeeds.
 */
const long = [
  "append", "check", "delete", "exact", "flush", "goto", "help", "insert", "ipv4", "ipv6", "jump", "line-numbers",
  "list", "list-rules", "modprobe", "new-chain", "numeric", "policy", "rename-chain", "replace", "set-counters",
  "table", "delete-chain", "verbose", "version", "wait", "wait-interval", "zero",
];
/** Options of matches that are also the beginning of one above: `-m recent --set`, `-m policy --pol ipsec`. */
const ofMatches: ReadonlySet<string> = new Set(["set", "pol"]);
const short = "ACDEFILMNPRSVWXZcghjnvwtx46";
/** Short options that take the rest of their word, or the next one. */
const withValue = "disopm";

/** The first of the words that the tool would take for an option of its own; long ones count when cut short. */
export function toolOption(words: readonly string[]): string | undefined {
  return words.find((word) => (word.startsWith("--") ? isLong(word) : word.startsWith("-") && isShort(word)));
}

function isLong(word: string): boolean {
  const [name = ""] = word.slice(2).split("=");
  // "--" alone ends the options.
  return !ofMatches.has(name) && long.some((option) => option.startsWith(name));
}

function isShort(word: string): boolean {
  for (const letter of word.slice(1)) {
    if (short.includes(letter)) return true;
    if (withValue.includes(letter)) return false;
  }
  return false;
}
