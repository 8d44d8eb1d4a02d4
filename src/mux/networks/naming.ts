import { CniError, code } from "../../cni/index.ts";
import { interfaceNameProblem } from "../../net/index.ts";
import type { Delegate } from "./delegate.ts";
import { UnusableNetwork } from "./unusable-network.ts";

/**
 * The interface name of each network, in order: what its selection asked for, else the runtime's name for the default
 * network and `net<position>` for the others. A network with a name of its own still uses up its number, and DEL
 * computes the same again, so the order must be that of ADD.
 */
export function interfaceNames(delegates: readonly Delegate[], ifName: string): readonly string[] {
  return delegates.map((delegate, index) => delegate.requests.ifName ?? (index === 0 ? ifName : `net${index}`));
}

/** More than a container has interfaces. */
const shiftsMax = 1000;

/**
 * The delegates with numbers that are free, where what they are numbered by is not: another multiplexed network of the
 * container may have it. All go up together, and ask for their names from then on, so that DEL finds them.
 */
export function withFreeNames(
  delegates: readonly Delegate[],
  isTaken: (name: string) => boolean,
): readonly Delegate[] {
  const asked = new Set(delegates.flatMap(({ requests }) => requests.ifName ?? []));
  const numbered = (shift: number): readonly (string | undefined)[] => delegates.map(({ requests }, index) =>
    index === 0 || requests.ifName !== undefined ? undefined : `net${index + shift}`);
  for (let shift = 0; shift < shiftsMax; shift++) {
    const names = numbered(shift);
    if (names.some((name) => name !== undefined && (isTaken(name) || (shift > 0 && asked.has(name))))) continue;
    return shift === 0 ? delegates : delegates.map((delegate, index) => withName(delegate, names[index]));
  }
  return delegates;
}

/** Asks for an interface name where nobody has asked for another. */
export function withName(delegate: Delegate, ifName: string | undefined): Delegate {
  const { requests } = delegate;
  return ifName === undefined || requests.ifName !== undefined
    ? delegate
    : { ...delegate, requests: { ...requests, ifName } };
}

/** @throws CniError 7 when two networks of one container would have the same interface, or a name is none of one */
export function refuseNameClash(delegates: readonly Delegate[], names: readonly string[]): void {
  names.forEach((name, index) => {
    const network = delegates[index]?.displayName ?? "",
      problem = interfaceNameProblem(name);
    if (problem !== undefined)
      throw refusal(network, `Cannot use interface name "${name}" for network "${network}": ${problem}`);
    const first = names.indexOf(name);
    if (first === index) return;
    throw refusal(
      network,
      `Cannot use interface name "${name}" for network "${network}": network ` +
        `"${delegates[first]?.displayName ?? ""}" has it already, expected one name per network`,
    );
  });
}

function refusal(network: string, message: string): UnusableNetwork {
  return new UnusableNetwork(network, "refused", new CniError(code.invalidConfig, message));
}
