/** `polynic ipam`: the addresses that networks of this machine have given. One file a command. */
import type { CommandGroup } from "../command.ts";
import { checkCommand } from "./check.ts";
import { freeCommand } from "./free.ts";
import { gcCommand } from "./gc.ts";
import { lsCommand } from "./ls.ts";
import { showCommand } from "./show.ts";

export const ipamCommands: CommandGroup = {
  rows: {
    ls: { summary: "lists reserved addresses, with the containers that have them", load: async () => lsCommand },
    show: { summary: "tells how much of each range is left", load: async () => showCommand },
    check: { summary: "tells what is wrong with reservations and their stores", load: async () => checkCommand },
    gc: { summary: "frees addresses of containers that are gone, and tells why", load: async () => gcCommand },
    free: { summary: "gives up a reservation by hand", load: async () => freeCommand },
  },
};
