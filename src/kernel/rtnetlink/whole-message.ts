import { Output } from "../../netlink/index.ts";
import type { Body } from "../../netlink/index.ts";

/** More than a route with some hundred gateways takes. */
const maxBytes = 16 * 1024;

/** A message's header and attributes as text. */
export function writtenHex<H, A>(body: Body<H, A>, value: { readonly header: H; readonly attributes: A }): string {
  const out = new Output(maxBytes);
  body.write(out, value);
  return Buffer.from(out.bytes.buffer, 0, out.length).toString("hex");
}

export function readHex<H, A>(body: Body<H, A>, hex: string): { readonly header: H; readonly attributes: A } {
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
  return body.read(new DataView(bytes.buffer), 0, bytes.length);
}
