/** Decimal digits of a number: a fraction of the code that the standard library's are. */
export function decimal(value: u64): string {
  const last = String.fromCharCode(0x30 + <i32>(value % 10));
  return value < 10 ? last : decimal(value / 10) + last;
}

/** What a hexadecimal digit counts, upper or lower case; -1 for any other character. */
export function hexValue(unit: u32): i32 {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? <i32>lower - 0x57 : -1;
}

/** Digits 0 to 15 as characters. */
export function hexDigit(value: u32): u8 {
  return <u8>(value < 10 ? 0x30 + value : 0x57 + value);
}
