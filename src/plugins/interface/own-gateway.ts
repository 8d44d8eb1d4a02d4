import type { IpConfig } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import { parseAddress, parsePrefix, sameAddress } from "../../net/index.ts";

/**
 * Where the host is to hold the gateways, the container cannot have one of them: both would answer for it, and neither
 * reach the other.
 *
 * @throws CniError 7
 */
export function refuseOwnGateway(ips: readonly IpConfig[]): void {
  const gateways = ips.flatMap(({ gateway = "" }) => (gateway === "" ? [] : [parseAddress(gateway)]));
  const own = ips.find(({ address }) => gateways.some((one) => sameAddress(one, parsePrefix(address).address)));
  if (own === undefined) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use address ${own.address}: it is the gateway, which the host holds, expected another address or gateway`,
  );
}
