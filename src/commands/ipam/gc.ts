import { formatAddress } from "../../net/index.ts";
import { command } from "../command.ts";
import { UsageError, requireRoot } from "../errors.ts";
import { confDirOption, stateDirOption } from "../machine/directories.ts";
import { rememberedAttachments } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import { dataDirOption, namesOf, openReservations, withNetworks } from "./leases.ts";
import { refuseUnknown } from "./ls.ts";
import { verdictsOn } from "./verdicts.ts";

export const gcCommand = command({
  about:
    "Only this machine's own addresses go, of containers that are known to be gone, and that are older than the " +
    "grace; each only as it was listed, and at most half of a network's in one run. --dry-run tells of each " +
    "address what speaks for it and against it.",
  parameters: { network: { count: "any", help: "names of networks; default: all that have reservations" } },
  options: {
    "dry-run": { kind: "switch", help: "tell what would go and what would stay, and why; free nothing" },
    grace: { kind: "text", value: "SECONDS", help: "what is younger stays; default: 180" },
    force: { kind: "switch", help: "more than half of a network's addresses may go" },
    ...dataDirOption, ...confDirOption, ...stateDirOption, ...jsonOption,
  },
  async run({ parameters: { network }, options, environment, say, json, table, warn }) {
    requireRoot("free addresses");
    const isDry = options["dry-run"] ?? false, all = openReservations(options, { environment, warn });
    refuseUnknown(network, namesOf(all), all.dataDir);
    const rules = { force: options.force ?? false, grace: secondsIn(options.grace) };
    const rows: Row[] = [];
    for (const of of withNetworks(all, network).scopes) {
      const verdicts = await verdictsOn(of, () => rememberedAttachments(options, environment), rules);
      const gone = verdicts.filter(({ isCollected }) => isCollected).map(({ lease }) => lease);
      const freed = isDry || gone.length === 0 ? [] : await of.store.collect(of.scope, gone, () => false);
      const isFreed = new Set(freed.map(formatAddress));
      for (const { lease, isCollected, reason } of verdicts) {
        const address = formatAddress(lease.address);
        const state = !isCollected ? "stays" : isDry ? "would be freed" : isFreed.has(address) ? "freed" : "stays";
        if (isDry || state === "freed")
          rows.push({ network: lease.owner.network ?? of.scope, address, container: lease.owner.containerId,
            node: lease.owner.node, state, why: reason });
      }
    }
    if (options.json === true) json(rows);
    else if (rows.length === 0) say("no address is of a container that is known to be gone");
    else table({ columns, rows: rows.map(({ network, address, state, why }) =>
      [network, address, { text: state, style: colours[state] }, why]) });
    return 0;
  },
});

interface Row {
  readonly network: string;
  readonly address: string;
  readonly container: string;
  readonly node: string;
  readonly state: keyof typeof colours;
  readonly why: string;
}

const columns = [{ title: "network" }, { title: "address" }, { title: "state" }, { title: "why" }] as const;
const colours = { freed: "green", "would be freed": "yellow", stays: "dim" } as const;

function secondsIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`Cannot use --grace ${text}: expected a number of seconds`);
  return Number(text);
}
