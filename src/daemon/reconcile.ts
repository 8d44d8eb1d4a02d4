import type { Surroundings, Warm } from "../call/index.ts";
import { messageOf } from "../cni/index.ts";
import type { Remains } from "../service/index.ts";
import { releaseEarlierBoots, remainsIn, removeRemains, setAside, whyGone } from "../service/index.ts";
import type { Queue } from "./queue.ts";

export interface ReconcileOptions {
  /** Where attachments are remembered. */
  readonly stateDirs: readonly string[];
  /** Where reservations are, a directory for every network. */
  readonly dataDirs: readonly string[];
  /** The node's configuration of a multiplexed network, as it is now. */
  settingsOf(network: string | undefined): Remains["settings"];
  /** Where executables are looked for. */
  readonly path: readonly string[];
  readonly env: Surroundings["env"];
  readonly warm: Warm;
  readonly queue: Queue;
  /** What has not been begun is left for the next start. */
  isStopping(): boolean;
  /** Attachments that are nobody's to undo but a person's. */
  isKept(remains: Remains): boolean;
  log(line: string): void;
}

/** What was repaired since this process started. */
export interface Repaired {
  /** Attachments of containers that are gone, whole or half made, taken away. */
  attachments: number;
  /** Addresses of an earlier start of the machine that nothing else accounted for. */
  addresses: number;
  /** Damaged scratch files moved out of the way. */
  setAside: number;
  /** What could not be repaired, and is tried again at the next start. */
  failures: number;
}

/**
 * Takes away what is left of containers that are gone, each in its container's turn and under its lock, so that calls
 * that come meanwhile are served. What goes wrong is told and counted, and stops nothing.
 */
export async function reconcile(options: ReconcileOptions, repaired: Repaired): Promise<void> {
  const { stateDirs, dataDirs, path, queue, log, settingsOf } = options;
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      repaired.failures++;
      log(`cannot ${what}: ${messageOf(error)}`);
    }
  };
  const inTurn = (one: Remains, what: string, work: () => Promise<void>): Promise<void> =>
    new Promise((resolve) => {
      const started = async () => {
        if (!options.isStopping()) await attempt(what, work);
        resolve();
      };
      // Where the queue is full there are calls that matter more; the next start comes.
      if (queue.add(one.containerId, started) === undefined) resolve();
    });
  for (const stateDir of stateDirs) {
    await attempt(`look through ${stateDir}`, async () => {
      const damaged = remainsIn(stateDir, path, settingsOf).filter(({ damage }) => damage !== undefined);
      await some(damaged, (one) => inTurn(one, `set aside what is damaged of container ${one.containerId}`, () =>
        setDamagedAside(one, options, repaired)));
      const gone = remainsIn(stateDir, path, settingsOf)
        .filter((one) => whyGone(one) !== undefined && !options.isKept(one));
      await some(gone, (one) => inTurn(one, `take away what is left of container ${one.containerId}`, () =>
        remove(one, options, repaired)));
    });
  }
  for (const dataDir of dataDirs) {
    await attempt(`look through ${dataDir}`, async () => {
      const count = await releaseEarlierBoots(dataDir);
      repaired.addresses += count;
      if (count === 0) return;
      log(`released ${count} addresses in ${dataDir} that were held before the machine was started anew`);
    });
  }
}

/** Few at a time, so that calls find room in the queue. */
const atOnce = 8;

async function some<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one);
  }));
}

async function setDamagedAside(one: Remains, { log }: ReconcileOptions, repaired: Repaired): Promise<void> {
  const path = await setAside(one);
  if (path === undefined) return;
  repaired.setAside++;
  log(`${one.damage?.message ?? "damaged"}; it is set aside as ${path}, and the result cache is used instead`);
}

async function remove(one: Remains, options: ReconcileOptions, repaired: Repaired): Promise<void> {
  const { env, warm, path, log } = options, why = whyGone(one);
  const tell = (text: string): void => log(text.trimEnd());
  const isRemoved = await removeRemains(one, (known) => whyGone(known) !== undefined, { env, tell, warm, path });
  if (!isRemoved) return;
  repaired.attachments++;
  log(`took away what was left of container ${one.containerId}, interface ${one.ifName}: ${why ?? "it is gone"}`);
}
