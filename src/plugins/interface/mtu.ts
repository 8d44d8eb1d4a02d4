import { CniError, code } from "../../cni/index.ts";

/** ETH_MIN_MTU and ETH_MAX_MTU (linux/if_ether.h): what a link of Ethernet can have. */
const ethernet = { min: 68, max: 65535 };

/**
 * An MTU that no link of Ethernet has; 0 or less leaves it to the kernel, which for others says EINVAL and no more.
 *
 * @throws CniError 7
 */
export function refuseMtu(mtu = 0, { min, max } = ethernet): void {
  if (mtu <= 0 || (mtu >= min && mtu <= max)) return;
  throw new CniError(code.invalidConfig, `Cannot use mtu ${mtu}: no such link has it, expected 0, or ${min} to ${max}`);
}
