import { readFileSync } from "node:fs";

/**
 * The token a file holds.
 *
 * @throws Error when it cannot be read or holds none
 */
export function tokenIn(path: string): string {
  return checkedToken(readFileSync(path, "utf8"));
}

/** A token in a header must be printable; a wrong file is told before it is sent anywhere. */
export function checkedToken(text: string): string {
  const token = text.trim();
  if (token === "") throw new Error("there is no token in it");
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error("it holds characters that no token has");
  return token;
}
