/**
 * The last words of a module. The compiler puts nothing below address 1024, so an abort writes its text there and
 * traps; the host reads it afterwards through `fault`, whose export needs no import.
 */

/** Length of the text in bytes; zero as long as nothing aborted. */
const lengthAt: usize = 0;
const textAt: usize = 8;
const textLimit: usize = 1000;

/** The text of the abort that trapped: address << 32 | bytes of UTF-16LE. */
export function fault(): i64 {
  return (<i64>textAt << 32) | <i64>load<u32>(lengthAt);
}

/** Takes the place of the `abort` import (`--use abort=...`): message, line and column, then a trap. */
export function abort(message: string | null, fileName: string | null, line: u32, column: u32): void {
  store<u32>(lengthAt, 0);
  if (message !== null) putText(message);
  if (fileName !== null) {
    putUnit(0x20);
    putText(fileName);
  }
  putUnit(0x3a);
  putNumber(line);
  putUnit(0x3a);
  putNumber(column);
  unreachable();
}

function putText(text: string): void {
  for (let i = 0; i < text.length; i++) putUnit(<u16>text.charCodeAt(i));
}

function putNumber(value: u32): void {
  if (value >= 10) putNumber(value / 10);
  putUnit(<u16>(0x30 + (value % 10)));
}

function putUnit(unit: u16): void {
  const length: usize = load<u32>(lengthAt);
  if (length + 2 > textLimit) return;
  store<u16>(textAt + length, unit);
  store<u32>(lengthAt, <u32>(length + 2));
}
