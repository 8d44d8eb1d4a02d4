import { command } from "../command.ts";
import { CommandError, requireRoot } from "../errors.ts";
import { anyOf } from "../words.ts";
import { confDirOption, stateDirOption } from "../machine/directories.ts";
import { rememberedAttachments } from "../machine/known.ts";
import { nearest } from "../nearest.ts";
import { jsonOption } from "../options.ts";
import type { Cell } from "../table.ts";
import type { Reservation } from "./leases.ts";
import {
  dataDirOption, isOfNetwork, knownNamesOf, openReservations, reservationsOf, toldOf, withNetworks,
} from "./leases.ts";

export const lsCommand = command({
  about:
    "State: in use, the container is there; gone, it is not, and polynic gc takes the address away; unknown, another " +
    "program has reserved it, or polynic has forgotten it; elsewhere, it is another node's; kept, no container has " +
    "it, and it waits for an IPAMClaim. Networks whose addresses nodes share are found by this machine's " +
    "configurations and containers.",
  parameters: { network: { count: "any", help: "names of networks; default: all that have reservations" } },
  options: { ...dataDirOption, ...confDirOption, ...stateDirOption, ...jsonOption },
  async run({ parameters: { network }, options, environment, say, json, table, warn }) {
    requireRoot("look at reservations");
    const all = openReservations(options, { environment, warn });
    refuseUnknown(network, knownNamesOf(all, options), all.dataDir);
    const listed = await reservationsOf(withNetworks(all, network), rememberedAttachments(options, environment));
    const reservations = listed.filter((one) => network.length === 0 || isOfNetwork(one, network));
    const isShared = reservations.some(({ node }) => node !== undefined);
    if (options.json === true) json(reservations.map(toldOf));
    else if (reservations.length === 0) say("no address is reserved");
    else table({ columns: isShared ? [...columns, { title: "node" }] : columns,
      rows: reservations.map((one) => [...rowOf(one), ...(isShared ? [one.node ?? "-"] : [])]) });
    return 0;
  },
});

const columns = [
  { title: "network" },
  { title: "address" },
  { title: "container" },
  { title: "interface" },
  { title: "state" },
] as const;
const colours = { "in use": "green", gone: "yellow", unknown: "dim", elsewhere: "dim", kept: "dim" } as const;

function rowOf({ network, address, container, interface: ifName, state }: Reservation): readonly Cell[] {
  return [network, address, container, ifName, { text: state, style: colours[state] }];
}

/** @throws CommandError for a network without reservations or ranges: likelier a mistake than a question */
export function refuseUnknown(words: readonly string[], networks: readonly string[], dataDir: string): void {
  const stranger = words.find((word) => !networks.includes(word));
  if (stranger === undefined) return;
  const listed = networks.length === 0 ? "a network that gives addresses" : anyOf(networks);
  throw new CommandError(
    `Cannot find network "${stranger}": ${dataDir} has no reservations of it, and no configuration ranges, ` +
      "expected " + (nearest(stranger, networks) ?? listed),
  );
}
