import { command } from "../command.ts";
import { UsageError, requireRoot } from "../errors.ts";
import { stateDirOption } from "../machine/directories.ts";
import { rememberedAttachments } from "../machine/known.ts";
import { nearest } from "../nearest.ts";
import { jsonOption } from "../options.ts";
import type { Cell } from "../table.ts";
import type { Reservation } from "./leases.ts";
import { dataDirOption, openReservations, reservationsOf } from "./leases.ts";

export const lsCommand = command({
  about:
    "State: in use, the container is there; gone, it is not, and polynic gc takes the address away; unknown, another " +
    "program has reserved it, or polynic has forgotten it.",
  parameters: { network: { count: "any", help: "names of networks; default: all that have reservations" } },
  options: { ...dataDirOption, ...stateDirOption, ...jsonOption },
  async run({ parameters: { network }, options, environment, say, json, table }) {
    requireRoot("look at reservations");
    const all = openReservations(options);
    refuseUnknown(network, all.networks, all.dataDir);
    const chosen = network.length === 0 ? all : { ...all, networks: network };
    const reservations = await reservationsOf(chosen, rememberedAttachments(options, environment));
    if (options.json === true) json(reservations.map(({ lease: _, ...one }) => one));
    else if (reservations.length === 0) say("no address is reserved");
    else table({ columns, rows: reservations.map(rowOf) });
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
const colours = { "in use": "green", gone: "yellow", unknown: "dim" } as const;

function rowOf({ network, address, container, interface: ifName, state }: Reservation): readonly Cell[] {
  return [network, address, container, ifName, { text: state, style: colours[state] }];
}

/** @throws UsageError for a network without reservations, which is likelier a mistake than a question */
export function refuseUnknown(words: readonly string[], networks: readonly string[], dataDir: string): void {
  const stranger = words.find((word) => !networks.includes(word));
  if (stranger === undefined) return;
  const listed = networks.length === 0 ? "a network that has given addresses" : networks.join(", ");
  throw new UsageError(
    `Cannot find network "${stranger}": ${dataDir} has no reservations of it, expected ` +
      (nearest(stranger, networks) ?? listed),
  );
}
