/**
 * Words of a condition that would not stay one. Those that our own codec does not know go to the nft tool in the text
 * of a rule, so nothing among them may end that rule, hide what follows, or do more to a packet than look at it. What
 * decides at once (`accept`, `jump`, `dnat`) needs no list: nft lets no statement follow it, and ours does.
 */
const acting: ReadonlySet<string> = new Set([
  "set", "vmap", "map", "add", "update", "delete", "dup", "fwd", "flow", "notrack", "queue", "synproxy", "tproxy",
]);
/** Takes an option out of the packet, while `dccp type reset` looks at it. */
const reset = /\breset(?=\s+tcp\b)/;

/** The first word, or character of a word, that has no business in a condition; undefined when there is none. */
export function strayWord(words: readonly string[]): string | undefined {
  if (words.length === 0) return undefined;
  const text = words.join(" ");
  // Text in quotes is a name, whatever is in it; the one escape that nft knows is of an asterisk, in quotes or without.
  const bare = text.replaceAll("\\*", "_").replaceAll(/"[^"\\\p{Cc}]*"/gu, "_");
  const [character] = /["\\;#$\p{Cc}]/u.exec(bare) ?? reset.exec(bare) ?? [];
  return character ?? unbalanced(bare) ?? bare.split(/[^\w-]+/).find((word) => acting.has(word));
}

/** A brace without its other half. Sets hold no sets. */
function unbalanced(text: string): string | undefined {
  let open = false;
  for (const [brace] of text.matchAll(/[{}]/g)) {
    if (open === (brace === "{")) return brace;
    open = !open;
  }
  return open ? "{" : undefined;
}
