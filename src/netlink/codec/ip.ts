import type { Address } from "../../net/index.ts";
import { CodecError, copyBytes } from "./payload.ts";
import type { Payload } from "./payload.ts";

/** An IPv4 address, in network order as everywhere. */
export const ip4: Payload<Address> = addressOf(4, 4);
/** An IPv6 address. */
export const ip6: Payload<Address> = addressOf(6, 16);

function addressOf(family: 4 | 6, count: number): Payload<Address> {
  return {
    write(out, value) {
      if (value.family !== family) {
        throw new CodecError("encode", `ip${family}`, `expected an IPv${family} address, found IPv${value.family}`);
      }
      out.bytes.set(value.bytes, out.reserve(count));
    },
    read(input, start, end) {
      if (end - start !== count) {
        throw new CodecError("decode", `ip${family}`, `expected ${count} bytes, found ${end - start}`);
      }
      return { family, bytes: copyBytes(input, start, end) };
    },
  };
}
