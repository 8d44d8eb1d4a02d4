/**
 * 64 well-mixed bits of a text: FNV-1a over its UTF-16 units, then a finaliser, so that any few of them spread evenly.
 * The same text gives the same bits for ever; modules rely on it for addresses that come back.
 */
export function hash64(text: string): u64 {
  let hash: u64 = 0xcbf29ce484222325;
  for (let i = 0; i < text.length; i++) {
    hash = (hash ^ <u64>text.charCodeAt(i)) * 0x100000001b3;
  }
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}
