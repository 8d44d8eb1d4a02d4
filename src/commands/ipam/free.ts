import { formatAddress, isAddress, parseAddress } from "../../net/index.ts";
import { command } from "../command.ts";
import { CommandError, UsageError, requireRoot } from "../errors.ts";
import { stateDirOption } from "../machine/directories.ts";
import { rememberedAttachments } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import type { Reservation, Reservations } from "./leases.ts";
import { dataDirOption, openReservations, reservationsOf } from "./leases.ts";
import { refuseUnknown } from "./ls.ts";

export const freeCommand = command({
  about:
    "The container keeps the address if it is still there, and somebody else may get it, too: that is refused unless " +
    "--force says that it is meant.",
  parameters: { address: { count: "some", help: "an address that is reserved" } },
  options: {
    network: { kind: "text", help: "where several networks have reserved the address" },
    force: { kind: "switch", help: "also where the container is there" },
    ...dataDirOption, ...stateDirOption, ...jsonOption,
  },
  examples: [{ line: "polynic ipam free 10.244.0.17", help: "after polynic ipam ls has shown whose it is" }],
  async run({ parameters: { address: words }, options, environment, say, json }) {
    requireRoot("free addresses");
    const all = openReservations(options), { network, force = false } = options;
    if (network !== undefined) refuseUnknown([network], all.networks, all.dataDir);
    const scope = network === undefined ? all : { ...all, networks: [network] };
    const reservations = await reservationsOf(scope, rememberedAttachments(options, environment));
    // All are looked at before any goes.
    const chosen = words.map((word) => meant(word, reservations, all));
    const inUse = chosen.find(({ state }) => state === "in use");
    if (inUse !== undefined && !force)
      throw new CommandError(
        `Cannot free ${inUse.address}: container ${inUse.container} has it, expected polynic detach, or --force`,
      );
    for (const { network, lease } of chosen) await all.store.collect(network, [lease], () => false);
    const freed = chosen.map(({ lease: _, ...one }) => one);
    if (options.json === true) json(freed);
    else for (const { address, network, container: owner } of freed)
      say(`freed ${address} of ${network}, which ${owner} had`);
    return 0;
  },
});

function meant(word: string, all: readonly Reservation[], { dataDir }: Reservations): Reservation {
  if (!isAddress(word)) throw new UsageError(`Cannot free "${word}": expected an address such as 10.1.2.3`);
  const address = formatAddress(parseAddress(word));
  const [found, ...others] = all.filter((one) => one.address === address);
  if (found === undefined)
    throw new CommandError(`Cannot free ${word}: ${dataDir} has no reservation of it, see polynic ipam ls`);
  if (others.length > 0)
    throw new UsageError(
      `Cannot free ${word}: ${[found, ...others].map(({ network }) => network).join(" and ")} have reserved it, ` +
        "expected --network with one of them",
    );
  return found;
}
