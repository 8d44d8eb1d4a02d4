/** `polynic ipam`: the addresses that networks of this machine have given. One file a command. */
import type { CommandGroup } from "../command.ts";
import { checkCommand } from "./check.ts";
import { exportCommand } from "./export.ts";
import { freeCommand } from "./free.ts";
import { gcCommand } from "./gc.ts";
import { importCommand } from "./import.ts";
import { lsCommand } from "./ls.ts";
import { showCommand } from "./show.ts";

export const ipamCommands: CommandGroup = {
  rows: {
    ls: { summary: "lists reserved addresses, with the containers that have them", load: async () => lsCommand },
    show: { summary: "tells how much of each range is left", load: async () => showCommand },
    check: { summary: "tells what is wrong with reservations and their stores", load: async () => checkCommand },
    gc: { summary: "frees addresses of containers that are gone, and tells why", load: async () => gcCommand },
    import: { summary: "takes over the reservations of whereabouts", load: async () => importCommand },
    export: { summary: "hands reservations over to whereabouts, the way back", load: async () => exportCommand },
    free: { summary: "gives up a reservation by hand", load: async () => freeCommand },
  },
};
