import { CniError, messageOf } from "../../cni/index.ts";
import { command } from "../command.ts";
import { requireRoot } from "../errors.ts";
import { confDirOption, stateDirOption } from "../machine/directories.ts";
import { rememberedAttachments } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import { blockText, misfiledText } from "./collecting.ts";
import {
  dataDirOption, knownNamesOf, openReservations, poolsOfMachine, reservationsOf, withNetworks,
} from "./leases.ts";
import { refuseUnknown } from "./ls.ts";
import type { Pool, ScopeOfMachine } from "./pools.ts";
import { sharedScopes } from "./pools.ts";
import type { RangeOfPool } from "./ranges.ts";
import { holdsAddress, rangesOfPool } from "./ranges.ts";

export const checkCommand = command({
  about:
    "Stores that do not answer, addresses outside of every range, addresses of containers that are gone, blocks that " +
    "an edit has hidden, and networks whose ranges overlap although their scopes differ. Nothing is changed.",
  parameters: { network: { count: "any", help: "names of networks; default: all that have reservations" } },
  options: { ...dataDirOption, ...confDirOption, ...stateDirOption, ...jsonOption },
  async run({ parameters: { network }, options, environment, say, json, table, warn }) {
    requireRoot("look at reservations");
    const all = openReservations(options, { environment, warn }), pools = poolsOfMachine(options);
    refuseUnknown(network, knownNamesOf(all, options), all.dataDir);
    const findings: Finding[] = [];
    for (const of of withNetworks(all, network).scopes) {
      const known = rememberedAttachments(options, environment);
      findings.push(...await findingsIn(of, pools.filter((pool) => of.networks.includes(pool.network)),
        async () => await reservationsOf({ ...all, scopes: [of] }, known)));
    }
    findings.push(...overlapsIn(pools.filter((pool) => network.length === 0 || network.includes(pool.network)),
      (pool) => sharedScopes([pool], { environment, warn })));
    if (options.json === true) json(findings);
    else if (findings.length === 0) say("nothing is wrong with the reservations");
    else table({ columns, rows: findings.map(({ network, what }) => [network, what]) });
    return findings.length === 0 ? 0 : 1;
  },
});

interface Finding {
  readonly network: string;
  readonly what: string;
}

const columns = [{ title: "network" }, { title: "what is wrong" }] as const;

async function findingsIn(
  of: ScopeOfMachine,
  pools: readonly Pool[],
  reservations: () => ReturnType<typeof reservationsOf>,
): Promise<readonly Finding[]> {
  const about = of.networks.join(", ");
  try {
    const why = await of.store.status();
    const misfiled = why === undefined ? await of.store.refile?.(of.scope, true) ?? [] : [];
    const ranges = pools.flatMap(rangesOfPool), listed = await reservations();
    const outside = pools.length === 0 ? [] : listed.filter(({ at }) =>
      !ranges.some((range) => holdsAddress(range, at)));
    return [
      ...(why === undefined ? [] : [{ network: about, what: why }]),
      ...misfiled.map((first) =>
        ({ network: about, what: `block ${blockText(first)}: ${misfiledText}; polynic ipam gc puts it right` })),
      ...outside.map(({ network, address, container }) =>
        ({ network, what: `${address} of ${container} is outside of every range: it goes with that container` })),
      ...listed.filter(({ state }) => state === "gone").map(({ network, address, container }) =>
        ({ network, what: `${address} is of ${container}, which is gone: polynic gc takes it away` })),
    ];
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    return [{ network: about, what: messageOf(error) }];
  }
}

/** Two networks may have one range where they share the scope, or are meant to know nothing of each other. */
function overlapsIn(
  pools: readonly Pool[],
  sharedOf: (pool: Pool) => readonly ScopeOfMachine[],
): readonly Finding[] {
  const shared = pools.flatMap((pool) => {
    const of = sharedOf(pool);
    // A network of several scopes has said that its addresses may be given again.
    return of.length !== 1 ? [] : [{ pool, scope: of[0]?.scope, ranges: rangesOfPool(pool) }];
  });
  return shared.flatMap(({ pool, scope, ranges }, index) => shared.slice(index + 1)
    .filter((other) => other.scope !== scope && meet(ranges, other.ranges))
    .map((other) => ({
      network: pool.network,
      what: `its ranges overlap with those of "${other.pool.network}", which is of another scope: an address may be ` +
        "given in both; ipam.scope makes them one",
    })));
}

function meet(some: readonly RangeOfPool[], others: readonly RangeOfPool[]): boolean {
  return some.some((a) => others.some((b) => holdsAddress(a, b.first) || holdsAddress(b, a.first)));
}
