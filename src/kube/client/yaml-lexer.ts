import { Lexer } from "yaml";

/** What the package's lexer knows while it reads; it calls these private, and this file is why its version is fixed. */
interface LexerState {
  readonly buffer: string;
  /** Where in `buffer` it is. */
  readonly pos: number;
  /** How many brackets and braces are open. */
  readonly flowLevel: number;
  /** How far the next line must be indented to belong to what is being read. */
  indentNext: number;
}

/**
 * A lexer that takes what kubectl does: what stands in quotes, brackets or braces ends with them, however little its
 * lines are indented. YAML 1.2 wants them deeper than the key, 7.3.1; go-yaml, which kubectl reads with, never looked.
 */
export function lenientLexer(): Lexer {
  const lexer = new Lexer();
  // Private to the package's types only: plain properties at run time, see LexerState.
  const state = lexer as unknown as LexerState;
  let indentNext = 0;
  Object.defineProperty(state, "indentNext", {
    get: () => (isEnclosed(state) ? 0 : indentNext),
    set: (value: number) => void (indentNext = value),
  });
  return lexer;
}

function isEnclosed({ buffer, pos, flowLevel }: LexerState): boolean {
  return flowLevel > 0 || buffer[pos] === '"' || buffer[pos] === "'";
}
