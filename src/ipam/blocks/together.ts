import type { BlockChange, BlockEngine, SeenBlock } from "./engine.ts";
import { isAway } from "./engine.ts";

/**
 * What a caller's turn writes through. Callers of one process wait for each other anyhow; while one of them waits for
 * the engine the next looks and decides, so that many pods at once are a few writes, and not one after the other.
 */
export interface Together {
  /** A block as it is once what the callers before have decided is written. */
  over(block: SeenBlock): SeenBlock;
  /** Has what they have decided written; says whether anything was. */
  settle(): Promise<boolean>;
  /** All or none of it, with what others have decided. After that the caller writes alone. */
  write(changes: readonly BlockChange[], addresses: number): Promise<Outcome>;
}

/** refused: something has changed since it was read. apart: that, or what others wanted besides, and they wait. */
export type Outcome = "written" | "refused" | "apart";

export interface InTurn<T> {
  readonly engine: BlockEngine;
  readonly scope: string;
  /** Only callers who say the same here wait for each other: they have the lock and the journal in common. */
  readonly home?: string | undefined;
  /** Keeps others of this node waiting. */
  readonly alone: (scope: string, work: () => Promise<void>) => Promise<void>;
  /** Done before anything else once it is ours alone. */
  readonly begin: () => Promise<void>;
  readonly work: (together: Together) => Promise<T>;
}

/** So many callers, and addresses, are written in one step: etcd has 128 operations, and others want their turn. */
const callersMax = 16, addressesMax = 32;

/** Does `work` after that of those who asked before, and as far as it goes while they wait for the engine. */
export async function inTurn<T>({ engine, scope, home = "", alone, begin, work }: InTurn<T>): Promise<T> {
  const queues = waiting.get(engine) ?? new Map<string, Waiting[]>(), key = JSON.stringify([scope, home]);
  const known = queues.get(key), queue = known ?? [];
  waiting.set(engine, queues.set(key, queue));
  return await new Promise<T>((resolve, reject) => {
    const run = async (together: Together): Promise<void> => await work(together).then(resolve, reject);
    queue.push({ run, refuse: reject, alone, begin });
    if (known === undefined) void lead(engine, scope, queue, () => queues.delete(key));
  });
}

interface Waiting extends Pick<InTurn<unknown>, "alone" | "begin"> {
  run(together: Together): Promise<void>;
  refuse(error: unknown): void;
}

/** Who waits for a scope of an engine, by their home; there is a list as long as somebody does. */
const waiting = new WeakMap<BlockEngine, Map<string, Waiting[]>>();

async function lead(engine: BlockEngine, scope: string, queue: Waiting[], end: () => void): Promise<void> {
  for (;;) {
    const [first] = queue;
    if (first === undefined) break;
    const { alone, begin } = first;
    try {
      await alone(scope, async () => {
        await begin();
        await runSome(new Gathering(engine, scope), queue);
      });
    } catch (error) {
      // Nobody's work has begun: what keeps one of them from it keeps all.
      for (const one of queue.splice(0)) one.refuse(error);
    }
  }
  // In the same step as the last look: whoever comes next leads.
  end();
}

/** One after the other, each until it is done or waits for the engine. */
async function runSome(gathering: Gathering, queue: Waiting[]): Promise<void> {
  for (let count = 0; count < callersMax && !gathering.isFull; count++) {
    const next = queue.shift();
    if (next === undefined) break;
    const seat = new Seat(gathering);
    seat.done = next.run(seat);
    await Promise.race([seat.done, seat.decided]);
  }
  await gathering.flush();
}

/** What callers have decided, as one change. */
class Gathering {
  readonly #engine: BlockEngine;
  readonly #scope: string;
  readonly #blocks = new Map<string, BlockChange>();
  readonly #seats: Seat[] = [];
  #addresses = 0;

  constructor(engine: BlockEngine, scope: string) {
    this.#engine = engine;
    this.#scope = scope;
  }

  get isFull(): boolean { return this.#addresses >= addressesMax; }

  over(block: SeenBlock): SeenBlock {
    const change = this.#blocks.get(block.id);
    return change === undefined ? block : { ...change.after, stamp: block.stamp };
  }

  add(seat: Seat, changes: readonly BlockChange[], addresses: number): void {
    for (const { before, after } of changes) {
      const known = this.#blocks.get(after.id);
      this.#blocks.set(after.id, { before: known === undefined ? before : known.before, after });
    }
    this.#seats.push(seat);
    this.#addresses += addresses;
  }

  async writeAlone(changes: readonly BlockChange[]): Promise<Outcome> {
    return await this.#engine.write(this.#scope, changes) ? "written" : "refused";
  }

  /** Where it is refused, each goes on alone, one after the other: what is wrong with one is not to be the others'. */
  async flush(): Promise<boolean> {
    const seats = this.#seats.splice(0), changes = [...this.#blocks.values()];
    this.#blocks.clear();
    this.#addresses = 0;
    if (seats.length === 0) return false;
    let isWritten = false;
    try {
      isWritten = await this.#engine.write(this.#scope, changes);
    } catch (error) {
      if (seats.length === 1 || isAway(error)) {
        await Promise.all(seats.map(async (seat) => await seat.goOn(Promise.reject(error))));
        return false;
      }
    }
    if (isWritten) await Promise.all(seats.map(async (seat) => await seat.goOn("written")));
    else for (const seat of seats) await seat.goOn(seats.length === 1 ? "refused" : "apart");
    return isWritten;
  }
}

/** A caller among others. */
class Seat implements Together {
  readonly #gathering: Gathering;
  readonly #decided = Promise.withResolvers<void>();
  readonly #outcome = Promise.withResolvers<Outcome>();
  /** Fulfilled with the end of its work, however that ends. */
  done: Promise<void> = Promise.resolve();
  #isAlone = false;

  constructor(gathering: Gathering) {
    this.#gathering = gathering;
  }

  /** Fulfilled when it waits for the engine. */
  get decided(): Promise<void> { return this.#decided.promise; }

  over(block: SeenBlock): SeenBlock {
    return this.#isAlone ? block : this.#gathering.over(block);
  }

  async settle(): Promise<boolean> {
    return this.#isAlone ? false : await this.#gathering.flush();
  }

  async write(changes: readonly BlockChange[], addresses: number): Promise<Outcome> {
    if (this.#isAlone) return await this.#gathering.writeAlone(changes);
    this.#gathering.add(this, changes, addresses);
    this.#isAlone = true;
    this.#decided.resolve();
    return await this.#outcome.promise;
  }

  /** Tells it what has become of what it wrote, and waits for its end. */
  async goOn(outcome: Outcome | Promise<never>): Promise<void> {
    this.#outcome.resolve(outcome);
    await this.done;
  }
}
