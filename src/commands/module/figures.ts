/** Figures as a person reads them. */

/** `11,120 bytes`. */
export function bytesText(bytes: number): string {
  return `${countText(bytes)} bytes`;
}

/** `1,234,567`, whatever the machine's language. */
export function countText(count: number | bigint): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `0.21 ms`, `3.4 s`. */
export function timeText(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`;
}

/** Memory comes in pages of 64 KiB. */
export function memoryText(bytes: number): string {
  return bytes >= 2 ** 20 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${Math.round(bytes / 1024)} KiB`;
}
