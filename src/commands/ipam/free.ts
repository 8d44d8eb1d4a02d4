import { formatAddress, isAddress, parseAddress } from "../../net/index.ts";
import { command } from "../command.ts";
import { CommandError, UsageError, requireRoot } from "../errors.ts";
import { confDirOption, stateDirOption } from "../machine/directories.ts";
import { rememberedAttachments } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import type { Reservation, Reservations } from "./leases.ts";
import {
  dataDirOption, isOfNetwork, knownNamesOf, openReservations, reservationsOf, toldOf, withNetworks,
} from "./leases.ts";
import { refuseUnknown } from "./ls.ts";

export const freeCommand = command({
  about:
    "The container keeps the address if it is still there, and somebody else may get it, too: that is refused unless " +
    "--force says that it is meant, as it is for one of another node, or one that is kept for an IPAMClaim. What a " +
    "container of a claim has is kept for the claim then.",
  parameters: { address: { count: "some", help: "an address that is reserved" } },
  options: {
    network: { kind: "text", help: "where several networks have reserved the address" },
    force: { kind: "switch", help: "also where the container is there" },
    ...dataDirOption, ...confDirOption, ...stateDirOption, ...jsonOption,
  },
  examples: [{ line: "polynic ipam free 10.244.0.17", help: "after polynic ipam ls has shown whose it is" }],
  async run({ parameters: { address: words }, options, environment, say, json, warn }) {
    requireRoot("free addresses");
    const all = openReservations(options, { environment, warn }), { network, force = false } = options;
    if (network !== undefined) refuseUnknown([network], knownNamesOf(all, options), all.dataDir);
    const scope = withNetworks(all, network === undefined ? [] : [network]);
    const listed = await reservationsOf(scope, rememberedAttachments(options, environment));
    const reservations = listed.filter((one) => network === undefined || isOfNetwork(one, [network]));
    // All are looked at before any goes.
    const chosen = words.map((word) => meant(word, reservations, all));
    const inUse = chosen.find(({ state }) => state === "in use");
    if (inUse !== undefined && !force)
      throw new CommandError(
        `Cannot free ${inUse.address}: container ${inUse.container} has it, expected polynic detach, or --force`,
      );
    const elsewhere = chosen.find(({ state }) => state === "elsewhere");
    if (elsewhere !== undefined && !force)
      throw new CommandError(
        `Cannot free ${elsewhere.address}: it is of node "${elsewhere.node ?? ""}", where its container may be; ` +
          "expected polynic ipam free there, or --force",
      );
    const kept = chosen.find(({ state }) => state === "kept");
    if (kept !== undefined && !force)
      throw new CommandError(
        `Cannot free ${kept.address}: it is kept for ${kept.container}, expected that to be deleted and polynic ipam ` +
          "gc, or --force",
      );
    for (const { what, of: { store, scope } } of chosen) {
      if (store.reclaim === undefined) await store.collect(scope, what.leases ?? [], () => false);
      else await store.reclaim(scope, what);
    }
    const freed = chosen.map(toldOf);
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
    throw new CommandError(
      `Cannot free ${word}: ${[found, ...others].map(({ network }) => network).join(" and ")} have reserved it, ` +
        "expected --network with one of them",
    );
  return found;
}
