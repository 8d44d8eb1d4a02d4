import { CniError, confSchema, newestVersion, readConf } from "../../cni/index.ts";
import { normaliseRangeSets } from "../../ipam/index.ts";
import type { Range } from "../../ipam/index.ts";
import { addressToInteger, formatAddress, formatPrefix } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { command } from "../command.ts";
import { CommandError, requireRoot } from "../errors.ts";
import { configurationFiles, findConfiguration, isReadable } from "../machine/configuration.ts";
import { confDirOption, confDirs } from "../machine/directories.ts";
import { jsonOption } from "../options.ts";
import { dataDirOption, openReservations } from "./leases.ts";

export const showCommand = command({
  about: "Ranges stand in configurations: of this machine's networks, and of the networks within a multiplexer's.",
  parameters: { network: { count: "any", help: "a configuration's name or its file; default: all of this machine" } },
  options: { ...confDirOption, ...dataDirOption, ...jsonOption },
  async run({ parameters: { network }, options, say, json, table }) {
    requireRoot("look at reservations");
    const directories = confDirs(options);
    const configurations = network.length === 0
      ? configurationFiles(directories).filter(isReadable).map(({ configuration }) => configuration)
      : network.map((word) => findConfiguration(word, directories));
    const pools = configurations.flatMap(({ json, name }) => poolsIn(json, name));
    if (network.length > 0 && pools.length === 0)
      throw new CommandError(
        `Cannot show ranges of ${network.join(", ")}: no ipam of it has ranges, expected one such as host-local's`,
      );
    const { store } = openReservations(options);
    const shown = [];
    for (const pool of pools) shown.push(...await rangesOf(pool, store));
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

/** A network with an ipam that has ranges. */
interface Pool {
  readonly network: string;
  readonly ipam: JsonObject;
}

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

/** Of a network and of all within it; a plugin's are its network's. */
function poolsIn(json: JsonObject, network: string): readonly Pool[] {
  const { ipam, plugins, delegates } = json;
  const own = isJsonObject(ipam) && (ipam["ranges"] ?? ipam["subnet"]) !== undefined ? [{ network, ipam }] : [];
  const inner = (value: unknown, nameOf: (one: JsonObject) => string): readonly Pool[] =>
    Array.isArray(value) ? value.filter(isJsonObject).flatMap((one) => poolsIn(one, nameOf(one))) : [];
  return [
    ...own,
    ...inner(plugins, () => network),
    ...inner(delegates, ({ name }) => (typeof name === "string" ? name : network)),
  ];
}

async function rangesOf(
  { network, ipam }: Pool,
  store: ReturnType<typeof openReservations>["store"],
): Promise<readonly ShownRange[]> {
  const taken = (await store.list(network)).map(({ address }) => address);
  return rangesIn(ipam, network).map((range): ShownRange => {
    const { subnet, first, last, gateway } = range;
    const [low, high] = [addressToInteger(first), addressToInteger(last)];
    const inRange = taken.filter((address) => {
      const number = addressToInteger(address);
      return address.family === first.family && low <= number && number <= high;
    }).length;
    const own = addressToInteger(gateway), holdsGateway = gateway.family === first.family && low <= own && own <= high;
    // The gateway is nobody's.
    const size = high - low + 1n - (holdsGateway ? 1n : 0n);
    return {
      network,
      subnet: formatPrefix(subnet),
      range: `${formatAddress(first)}-${formatAddress(last)}`,
      gateway: formatAddress(gateway),
      size: String(size), reserved: String(inRange), free: String(size - BigInt(inRange)),
    };
  });
}

/** @throws CommandError for ranges that no ADD would take */
function rangesIn(ipam: JsonObject, network: string): readonly Range[] {
  try {
    const conf = readConf(confSchema("host-local"), { name: network, ipam });
    const { ranges = [], ...direct } = conf.ipam ?? {};
    return normaliseRangeSets([...(direct.subnet ? [[direct]] : []), ...ranges], newestVersion).flat();
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CommandError(`Cannot show ranges of network "${network}": ${error.message}`, { cause: error });
  }
}
