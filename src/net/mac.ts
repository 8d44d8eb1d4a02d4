import { AddressError, quote } from "./address.ts";

/**
 * The bytes of a hardware address: `xx:xx:...`, `xx-xx-...` or `xxxx.xxxx....`, any hex case.
 *
 * @returns 6 bytes (Ethernet), 8 (EUI-64) or 20 (IP over InfiniBand)
 * @throws AddressError for any other spelling or length
 */
export function parseMac(text: string): Uint8Array {
  const digits = hexDigits(text);
  if (digits === undefined) {
    throw new AddressError(
      `Cannot read MAC ${quote(text)}: expected 6, 8 or 20 bytes such as 02:00:5e:10:00:01, 02-00-5e-10-00-01 or ` +
        "0200.5e10.0001",
      text,
    );
  }
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16));
}

/** Lower case, colon separated, as the kernel's addresses are printed. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** The same hardware address as the kernel's is printed; throws as `parseMac` does. */
export function canonicalMac(text: string): string {
  return formatMac(parseMac(text));
}

const byBytes = /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2})+)$/i;
const byWords = /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i;
const lengthsBytes = new Set([6, 8, 20]);

function hexDigits(text: string): string | undefined {
  if (!byBytes.test(text) && !byWords.test(text)) return undefined;
  const digits = text.replaceAll(/[:.-]/g, "");
  return lengthsBytes.has(digits.length / 2) ? digits : undefined;
}
