/**
 * eui64: the IPv6 address that the interface's MAC address makes (RFC 4291, appendix A).
 *
 * The upper half is the subnet's /64; the lower is the MAC with ff:fe in its middle and the universal bit flipped.
 * There is no second choice: a taken address is refused with 101.
 */

import {
  Addr, Candidate, Decision, Ipam, Range, RangeSet, Request, codeConfig, codeUnavailable, register,
} from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

const middle: u64 = 0x00ff_fe00_0000;
const universalBit: u64 = 0x0200_0000_0000_0000;

class Eui64 extends Ipam {
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const mac = request.attachment.macNumber;
    if (mac < 0) {
      decision.fail(
        codeConfig,
        "Cannot use MAC address \"" + request.attachment.mac + "\": expected six bytes such as 02:00:5e:10:00:01",
      );
      return;
    }
    for (let i = 0; i < set.ranges.length; i++) {
      const range = set.ranges[i];
      if (!fits(range)) {
        decision.fail(codeConfig, "Cannot use subnet " + range.subnet + ": expected an IPv6 subnet of 64 bits");
        return;
      }
      const address = addressOf(range, mac);
      if (!range.view.isFree(address)) continue;
      decision.use(range, address);
      return;
    }
    decision.fail(
      codeUnavailable,
      "Cannot reserve the address of MAC " + request.attachment.mac + ": it is taken or outside of " + set.span +
        ", and there is no other",
    );
  }

  permits(request: Request, wanted: Candidate): bool {
    const mac = request.attachment.macNumber;
    return mac >= 0 && fits(wanted.range) && addressOf(wanted.range, mac).equals(wanted.address);
  }
}

register(new Eui64());

function fits(range: Range): bool {
  return range.family == 6 && range.prefixBits == 64;
}

function addressOf(range: Range, mac: i64): Addr {
  const front = <u64>mac >> 24;
  const back = <u64>mac & 0xff_ffff;
  return new Addr(range.first.high, ((front << 40) | middle | back) ^ universalBit);
}
