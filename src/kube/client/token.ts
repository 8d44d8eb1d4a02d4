import { messageOf } from "../../cni/index.ts";
import { readBoundedText } from "../../os/index.ts";
import type { Settings } from "./settings.ts";
import { credentialBytesMax } from "./settings.ts";

/**
 * The token a file holds.
 *
 * @throws Error when it cannot be read or holds none
 */
export function tokenIn(path: string): string {
  return checkedToken(readBoundedText(path, credentialBytesMax));
}

/** A token in a header must be printable; a wrong file is told before it is sent anywhere. */
function checkedToken(text: string): string {
  const token = text.trim();
  if (token === "") throw new Error("there is no token in it");
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error("it holds characters that no token has");
  return token;
}

/** The token that stands in the settings themselves; throws CniError 7 without it. */
export function tokenOf(settings: Settings, text: string): string {
  try {
    return checkedToken(text);
  } catch (error) {
    throw settings.refusal(`${settings.pathTo("token")} is of no use: ${messageOf(error)}`, "a token", error);
  }
}
