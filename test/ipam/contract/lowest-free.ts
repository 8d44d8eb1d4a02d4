/** A module that is none: the lowest free address of every set, or the one asked for, decided as the SDK decides. */
import { CniError, code } from "../../../src/cni/index.ts";
import type { AllocateDecision, AllocateRequest, OfferedRange } from "../../../src/ipam/index.ts";
import type { Address } from "../../../src/net/index.ts";
import { addOffset, compareAddresses, formatAddress, parseAddress, viewHolds } from "../../../src/net/index.ts";

export function lowestFree(request: AllocateRequest): AllocateDecision {
  const sets = [...new Set(request.ranges.map(({ set }) => set))];
  return { ips: sets.map((set) => choose(request, set)) };
}

function choose(request: AllocateRequest, set: number): AllocateDecision["ips"][number] {
  const ranges = [...request.ranges.entries()].filter(([, range]) => range.set === set);
  for (const address of request.requested.map(parseAddress)) {
    const found = ranges.find(([, range]) => holds(range, address));
    if (found === undefined) continue;
    if (viewHolds(found[1].view, found[1], address))
      throw new CniError(code.addressUnavailable, `Cannot reserve ${formatAddress(address)}: it is taken`);
    return { range: found[0], address };
  }
  if (request.mine.some((address) => ranges.some(([, range]) => holds(range, address))))
    throw new CniError(code.alreadyReserved, `Cannot reserve a second address of set ${set}`);
  for (const [index, range] of ranges) {
    for (let address: Address | undefined = range.first; address !== undefined && holds(range, address);
      address = addOffset(address, 1)) {
      if (!viewHolds(range.view, range, address)) return { range: index, address };
    }
  }
  throw new CniError(code.exhausted, `Cannot reserve an address of set ${set}: all are taken`);
}

function holds(range: OfferedRange, address: Address): boolean {
  return address.family === range.first.family && compareAddresses(range.first, address) <= 0
    && compareAddresses(address, range.last) <= 0;
}
