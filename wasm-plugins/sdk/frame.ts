/**
 * One encoded request, little endian, as the host writes it:
 *
 *   0   u32 magic "CNIF"   4  u16 abi major   6  u16 range count   8  u32 json bytes   12  u32 total bytes
 *   16  ranges, 80 bytes each; then the JSON; then the views, each 8-aligned
 */

export const rangeBytes: usize = 80;
const headerBytes: usize = 16;
const magic: u32 = 0x46494e43;

export class Frame {
  constructor(readonly start: usize, readonly bytes: usize) {}

  get rangeCount(): i32 {
    return load<u16>(this.start, 6);
  }

  /** Where range `index` is described. */
  range(index: i32): usize {
    return this.start + headerBytes + <usize>index * rangeBytes;
  }

  get json(): usize {
    return this.range(this.rangeCount);
  }

  get jsonBytes(): usize {
    return load<u32>(this.start, 8);
  }

  /** Whether the lengths fit together and this module speaks the ABI; nothing else may be read before. */
  get sound(): bool {
    if (this.bytes < headerBytes || load<u32>(this.start) != magic || load<u16>(this.start, 4) != 1) return false;
    if (<usize>load<u32>(this.start, 12) != this.bytes) return false;
    const jsonAt: u64 = headerBytes + <u64>this.rangeCount * rangeBytes;
    if (jsonAt + this.jsonBytes > this.bytes) return false;
    for (let i = 0; i < this.rangeCount; i++) {
      if (!this.viewFits(this.range(i))) return false;
    }
    return true;
  }

  private viewFits(range: usize): bool {
    const kind = load<u16>(range, 70);
    const count: u64 = load<u32>(range, 72);
    const offset: u64 = load<u32>(range, 76);
    const bytes: u64 = kind == 0 ? count * 32 : ((count + 63) / 64) * 8;
    return kind <= 1 && offset + bytes <= this.bytes;
  }
}
