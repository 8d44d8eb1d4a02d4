/** Weight and colour of words in a terminal; nothing anywhere else. */

export type Style = Readonly<Record<"bold" | "dim" | "red" | "green" | "yellow", (text: string) => string>>;

export const plain: Style = {
  bold: (text) => text, dim: (text) => text, red: (text) => text, green: (text) => text, yellow: (text) => text,
};

/** SGR, ECMA-48 8.3.117: on and off. */
export const coloured: Style = {
  bold: (text) => `\x1b[1m${text}\x1b[22m`,
  dim: (text) => `\x1b[2m${text}\x1b[22m`,
  red: (text) => `\x1b[31m${text}\x1b[39m`,
  green: (text) => `\x1b[32m${text}\x1b[39m`,
  yellow: (text) => `\x1b[33m${text}\x1b[39m`,
};
