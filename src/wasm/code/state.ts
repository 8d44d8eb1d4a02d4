import { stateExport } from "../call/instance.ts";
import { BinaryReader, BinaryWriter } from "./binary.ts";

const headerBytes = 8, importSection = 2, globalSection = 6, exportSection = 7;
const globalKind = 3;

/**
 * A metered module that exports each of its globals besides, as `polynic_state_<index>`: with its memory they are all
 * that a call can change of an instance, since the verifier lets no instruction through that changes a table or drops a
 * segment.
 *
 * @param metered  what `meterModule` gives: no imports, and exports
 */
export function withStateExported(metered: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const reader = new BinaryReader(metered, headerBytes, metered.length);
  const output = new BinaryWriter(metered.length * 2).raw(metered.subarray(0, headerBytes));
  let globals = 0;
  while (!reader.done) {
    const id = reader.byte(), length = reader.u32(), content = reader.at, end = content + length;
    const count = new BinaryReader(metered, content, end);
    if (id === importSection) throw reader.refused("it imports something, expected a metered module");
    if (id === globalSection) globals = count.u32();
    if (id === exportSection) {
      const exported = new BinaryWriter().u32(count.u32() + globals).raw(metered.subarray(count.at, end));
      for (let i = 0; i < globals; i++) exported.name(`${stateExport}${i}`).byte(globalKind).u32(i);
      output.byte(id).sized(exported);
    } else output.byte(id).u32(length).raw(metered.subarray(content, end));
    reader.at = end;
  }
  return output.bytes();
}
