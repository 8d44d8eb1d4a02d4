import { addressToInteger, formatAddress, formatPrefix } from "../../net/index.ts";
import { command } from "../command.ts";
import { CommandError, requireRoot } from "../errors.ts";
import { configurationFiles, findConfiguration, isReadable } from "../machine/configuration.ts";
import { confDirOption, confDirs } from "../machine/directories.ts";
import { jsonOption } from "../options.ts";
import { dataDirOption, fileScope } from "./leases.ts";
import type { Pool, ScopeOfMachine } from "./pools.ts";
import { poolsOf, sharedScopes } from "./pools.ts";
import { holdsAddress, rangesOfPool } from "./ranges.ts";

export const showCommand = command({
  about: "Ranges stand in configurations: of this machine's networks, and of the networks within a multiplexer's.",
  parameters: { network: { count: "any", help: "a configuration's name or its file; default: all of this machine" } },
  options: { ...confDirOption, ...dataDirOption, ...jsonOption },
  async run({ parameters: { network }, options, environment, say, json, table, warn }) {
    requireRoot("look at reservations");
    const directories = confDirs(options);
    const configurations = network.length === 0
      ? configurationFiles(directories).filter(isReadable).map(({ configuration }) => configuration)
      : network.map((word) => findConfiguration(word, directories));
    const pools = configurations.flatMap(poolsOf);
    if (network.length > 0 && pools.length === 0)
      throw new CommandError(
        `Cannot show ranges of ${network.join(", ")}: no ipam of it has ranges, expected one such as host-local's`,
      );
    const shown = [];
    for (const pool of pools) {
      const shared = sharedScopes([pool], { environment, warn });
      const scopes = shared.length > 0 ? shared : [fileScope(pool.network, options["data-dir"])];
      shown.push(...await rangesOf(pool, scopes));
    }
    if (options.json === true) json(shown);
    else if (shown.length === 0) say("no configuration of this machine has ranges");
    else table({ columns, rows: shown.map(Object.values).map((row) => row.map(String)) });
    return 0;
  },
});

const columns = [
  { title: "network" },
  { title: "subnet" },
  { title: "range" },
  { title: "gateway" },
  { title: "size", isRight: true },
  { title: "reserved", isRight: true },
  { title: "free", isRight: true },
] as const;

interface ShownRange {
  readonly network: string;
  readonly subnet: string;
  readonly range: string;
  readonly gateway: string;
  /** Whole numbers as text: IPv6 ranges are larger than a JSON number holds. */
  readonly size: string;
  readonly reserved: string;
  readonly free: string;
}

async function rangesOf(
  { network, ipam }: Pool,
  scopes: readonly Pick<ScopeOfMachine, "store" | "scope">[],
): Promise<readonly ShownRange[]> {
  const listed = await Promise.all(scopes.map(async ({ store, scope }) => await store.list(scope)));
  const taken = listed.flat().map(({ address }) => address);
  return rangesOfPool({ network, ipam }).map((range): ShownRange => {
    const { subnet, first, last, gateway } = range;
    const [low, high] = [addressToInteger(first), addressToInteger(last)];
    const inRange = taken.filter((address) => holdsAddress(range, address)).length;
    const holdsGateway = gateway !== undefined && holdsAddress(range, gateway);
    // The gateway is nobody's.
    const size = high - low + 1n - (holdsGateway ? 1n : 0n);
    return {
      network,
      subnet: formatPrefix(subnet),
      range: `${formatAddress(first)}-${formatAddress(last)}`,
      gateway: gateway === undefined ? "-" : formatAddress(gateway),
      size: String(size), reserved: String(inRange), free: String(size - BigInt(inRange)),
    };
  });
}
