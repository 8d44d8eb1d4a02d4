/**
 * Attachments that change hands: what one set of executables has attached the other checks and deletes, in both
 * directions, in one world that must be as before each time. For the bodies of kernel suites.
 */
import { join } from "node:path";
import * as assert from "uvu/assert";
import { builtDist } from "../dist.ts";
import { nodeState } from "../killed/node-state.ts";
import type { Answer, NetworkConf, World } from "../runtime.ts";
import { alike, changes, makeWorld, referencePlugins, runChain, state } from "../runtime.ts";

export type Release = "1.1" | "1.9";

export interface Exchanged {
  readonly title: string;
  readonly plugins: (world: World, release: Release) => NetworkConf["plugins"];
  /** What stands in the world before. */
  readonly prepare?: (world: World) => void;
  /** Releases of the reference that have it; all unless given. */
  readonly only?: Release;
  /** Plugins whose CHECK in the reference fails on what the reference itself has made, by their types. */
  readonly brokenCheck?: readonly string[];
  /** Lines of the state that tell whose an attachment is, by design. */
  readonly apart?: RegExp;
}

/** The reference's directories there are, each with the rows its release has. */
export function exchanges(rows: readonly Exchanged[]): readonly {
  readonly release: Release; readonly directory: string; readonly rows: readonly Exchanged[];
}[] {
  return referencePlugins().map(({ release, directory }) => ({
    directory,
    // As referencePlugins names them.
    release: release as Release,
    rows: rows.filter(({ only }) => only === undefined || only === release),
  }));
}

/** Both directions, after one attachment that leaves behind what all share. */
export function exchange(row: Exchanged, release: Release, directory: string): void {
  const world = makeWorld();
  try {
    row.prepare?.(world);
    const network = { cniVersion: release === "1.1" ? "1.0.0" : "1.1.0", name: "net1",
      plugins: row.plugins(world, release) };
    const ours: Side = { name: "ours", directory: join(builtDist(), "bin") };
    const theirs: Side = { name: "theirs", directory };
    const all = { row, world, network };
    handOver(all, theirs, theirs);
    const before = nodeState(world);
    const added = { ours: handOver(all, ours, theirs, before), theirs: handOver(all, theirs, ours, before) };
    assert.equal(added.ours.result, added.theirs.result);
    assert.equal(changes(added.theirs.state, added.ours.state).filter((line) => row.apart?.test(line) !== true), []);
  } finally {
    world.remove();
  }
}

interface Side {
  readonly name: "ours" | "theirs";
  readonly directory: string;
}

interface Made {
  readonly result: unknown;
  readonly state: readonly string[];
}

/** One side adds, the other checks and deletes; nothing is left. */
function handOver(
  { row, world, network }: { readonly row: Exchanged; readonly world: World; readonly network: NetworkConf },
  adder: Side, other: Side, before?: readonly string[],
): Made {
  const what = `${adder.name} added, ${other.name} deleted`;
  const fine = (answer: Answer): Answer => {
    assert.is(answer.status, 0, `${what}: ${answer.stdout}${answer.stderr}`);
    return answer;
  };
  const added = fine(runChain(world, "ADD", network, () => [adder.directory]));
  const lines = state(world).filter((line) => !untold.test(line))
    .map((line) => line.replace(/^(\/files\S+ )"644 /, '$1"600 '));
  // Older releases print an empty `dns`, newer ones leave it out.
  const { dns, ...result } = JSON.parse(alike(added.stdout, world));
  const made = { result: Object.keys(dns ?? {}).length === 0 ? result : { ...result, dns }, state: lines };
  const isChecked = (type: string): boolean => other.name === "ours" || row.brokenCheck?.includes(type) !== true;
  const checked = network.plugins.filter(({ type }) => isChecked(type));
  fine(runChain(world, "CHECK", { ...network, plugins: checked }, () => [other.directory], { prevResult: added.json }));
  fine(runChain(world, "DEL", network, () => [other.directory], { prevResult: added.json }));
  if (other.name === "ours") fine(runChain(world, "DEL", network, () => [other.directory], { prevResult: added.json }));
  const left = before === undefined ? [] : changes(before, nodeState(world));
  assert.equal(left.filter((line) => other.name === "ours" || !ownNote.test(line)), [], what);
  return made;
}

/** What we write down for ourselves, and the reference does not know of: GC takes it away. */
const ownNote = /^\+ \/file (?:net1|firewall)\//;

/** What newer releases set and 1.1 does not. */
const untold = /ipv6\/conf\/eth0\/(keep_addr_on_down|ndisc_notify):|^\/container\/links\/eth0\/txqlen /;
