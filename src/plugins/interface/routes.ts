import type { Route } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import { formatAddress, formatPrefix, isAddress, parseAddress, parsePrefix } from "../../net/index.ts";

/**
 * The routes of an IPAM configuration as its result lists them, host bits kept.
 *
 * @throws CniError 7 naming the key: the plugin that gets the result no longer knows whose configuration it came from
 */
export function configuredRoutes(routes: readonly Route[] = []): readonly Route[] {
  return routes.map((route, index) => {
    const key = `ipam.routes[${index}]`;
    const { gw = "", ...others } = route;
    return { ...others, dst: prefix(`${key}.dst`, route.dst), ...(gw === "" ? {} : { gw: address(`${key}.gw`, gw) }) };
  });
}

function prefix(where: string, text: string): string {
  try {
    return formatPrefix(parsePrefix(text));
  } catch (cause) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use ${where}: ${JSON.stringify(text)} is no prefix, expected one such as 10.1.0.0/16`,
      { cause },
    );
  }
}

function address(where: string, text: string): string {
  if (isAddress(text)) return formatAddress(parseAddress(text));
  throw new CniError(
    code.invalidConfig,
    `Cannot use ${where}: ${JSON.stringify(text)} is no address, expected one such as 10.1.0.1`,
  );
}
