import { command } from "../command.ts";
import { UsageError, requireRoot } from "../errors.ts";
import { confDirOption, stateDirOption } from "../machine/directories.ts";
import { rememberedAttachments } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import type { Row } from "./collecting.ts";
import { collectScope } from "./collecting.ts";
import { dataDirOption, knownNamesOf, openReservations, withNetworks } from "./leases.ts";
import { refuseUnknown } from "./ls.ts";
import { usualNodeGraceMs } from "./others.ts";

export const gcCommand = command({
  about:
    "This machine's own addresses go, of containers that are known to be gone, and that are older than the grace; " +
    "each only as it was listed, and at most half of a network's in one run. --dry-run tells of each address what " +
    "speaks for it and against it.\n\n" +
    "Where nodes share the addresses, those of a node go as well that the cluster has not had for the node's grace, " +
    "with its blocks, unless the pod that has one is there; and what is kept for an IPAMClaim that is gone. Where no " +
    "cluster tells of nodes, --gone does.",
  parameters: { network: { count: "any", help: "names of networks; default: all that have reservations" } },
  options: {
    "dry-run": { kind: "switch", help: "tell what would go and what would stay, and why; free nothing" },
    grace: { kind: "text", value: "SECONDS", help: "what is younger stays; default: 180" },
    "node-grace": {
      kind: "text", value: "SECONDS",
      help: "a node is gone when no look at the cluster has found it for so long; default: 900",
    },
    gone: { kind: "texts", value: "NODE", help: "a node that is gone for good; nothing may run on it any more" },
    force: { kind: "switch", help: "more than half of a network's addresses may go" },
    ...dataDirOption, ...confDirOption, ...stateDirOption, ...jsonOption,
  },
  async run({ parameters: { network }, options, environment, say, json, table, warn }) {
    requireRoot("free addresses");
    const all = openReservations(options, { environment, warn });
    refuseUnknown(network, knownNamesOf(all, options), all.dataDir);
    const collecting = {
      environment, warn, isDry: options["dry-run"] ?? false, force: options.force ?? false, gone: options.gone,
      graceMs: millisecondsIn("grace", options.grace),
      nodeGraceMs: millisecondsIn("node-grace", options["node-grace"]) ?? usualNodeGraceMs,
      attachments: () => rememberedAttachments(options, environment),
    };
    const rows: Row[] = [];
    for (const of of withNetworks(all, network).scopes) rows.push(...await collectScope(of, collecting));
    if (options.json === true) json(rows);
    else if (rows.length === 0) say("no address is of a container that is known to be gone");
    else table({ columns, rows: rows.map(({ network, address, state, why }) =>
      [network, address, { text: state, style: colours[state] }, why]) });
    return 0;
  },
});

const columns = [{ title: "network" }, { title: "address" }, { title: "state" }, { title: "why" }] as const;
const colours = {
  freed: "green", "given back": "green", "put right": "green", stays: "dim",
  "would be freed": "yellow", "would be given back": "yellow", "would be put right": "yellow",
} as const;

function millisecondsIn(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`Cannot use --${name} ${text}: expected a number of seconds`);
  return Number(text) * 1000;
}
