/** `polynic network`: networks of this machine, with the words of docker network. One file a command. */
import type { CommandGroup } from "../command.ts";
import { connectCommand } from "./connect.ts";
import { createCommand } from "./create.ts";
import { disconnectCommand } from "./disconnect.ts";
import { inspectCommand } from "./inspect.ts";
import { lsCommand } from "./ls.ts";
import { rmCommand } from "./rm.ts";

export const networkCommands: CommandGroup = {
  rows: {
    create: { summary: "writes the configuration of a network", load: async () => createCommand },
    ls: { summary: "lists the networks of this machine", load: async () => lsCommand },
    inspect: { summary: "tells of a network, and who is attached to it", load: async () => inspectCommand },
    rm: { summary: "takes networks away that nobody is attached to", load: async () => rmCommand },
    connect: { summary: "attaches a container to a network", load: async () => connectCommand },
    disconnect: { summary: "detaches a container from a network", load: async () => disconnectCommand },
  },
};
