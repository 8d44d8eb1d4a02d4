/** Text and elements of XML, which HTML reads as well. Every name on a node may be somebody's attempt at markup. */
import { printable } from "../../../wasm/index.ts";

/** Markup that is complete and safe to stand in other markup. */
export type Markup = string & { readonly markup: true };

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** @param attributes  names are our own; values may be anybody's */
export function element(name: string, attributes: Attributes = {}, ...children: readonly Markup[]): Markup {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
    .join("");
  const inner = children.join("");
  return safe(`<${name}${written}${inner === "" && !isNeverEmpty(name) ? "/>" : `>${inner}</${name}>`}`);
}

export function text(value: string): Markup {
  return safe(escaped(value));
}

export function joined(...parts: readonly Markup[]): Markup {
  return safe(parts.join(""));
}

/** What we have written ourselves: style sheets. */
export function ours(markup: string): Markup {
  return safe(markup);
}

/** HTML reads `<div/>` as `<div>`. */
function isNeverEmpty(name: string): boolean {
  return !["rect", "path", "circle", "meta", "br"].includes(name);
}

const textChars = 2_000;
const entities: Readonly<Record<string, string>> = {
  "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;",
};

/** XML 1.0 has no place for control characters and noncharacters, not even as references. */
function escaped(value: string): string {
  return printable(value, textChars)
    .replaceAll(/[\ufdd0-\ufdef\ufffe\uffff]/g, " ")
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? "");
}

function safe(markup: string): Markup {
  // True of whoever calls: escaped, or made of what is.
  return markup as Markup;
}
