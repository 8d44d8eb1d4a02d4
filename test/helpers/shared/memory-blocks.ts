/** An engine of blocks in memory: compare-and-swap, with others coming in between, lost answers and cut-off nodes. */
import { CniError, code } from "../../../src/cni/index.ts";
import type { BlockChange, BlockEngine, PendingRelease, ReleaseJournal, SeenBlock } from "../../../src/ipam/index.ts";
import type { RecalledBlocks } from "../../../src/ipam/index.ts";
import { keyOf } from "../../../src/ipam/index.ts";

/** What all nodes have in common. */
export class SharedBlocks {
  readonly #scopes = new Map<string, Map<string, SeenBlock>>();
  #writes = 0;
  /** Called before each request; throws where the engine is away. */
  pause: () => Promise<void> = async () => {};
  /** Called after each write that was carried out; throws where its answer is lost. */
  answered: () => void = () => {};

  get writes(): number {
    return this.#writes;
  }

  of(scope: string): Map<string, SeenBlock> {
    const known = this.#scopes.get(scope);
    if (known !== undefined) return known;
    const made = new Map<string, SeenBlock>();
    this.#scopes.set(scope, made);
    return made;
  }

  /** All or none. */
  write(scope: string, changes: readonly BlockChange[]): boolean {
    const blocks = this.of(scope);
    if (changes.some(({ before, after }) => blocks.get(after.id)?.stamp !== before?.stamp)) return false;
    this.#writes++;
    for (const { after } of changes) blocks.set(after.id, { ...after, stamp: `${this.#writes}` });
    return true;
  }
}

/** @param recalled  as processes that go on have it */
export function openMemoryBlocks(shared: SharedBlocks, recalled?: RecalledBlocks): BlockEngine {
  const blocksNow = async (scope: string): Promise<readonly SeenBlock[]> => {
    await shared.pause();
    return [...shared.of(scope).values()];
  };
  return {
    place: "memory",
    async readFor(scope, { node, keys }) {
      const found = (await blocksNow(scope)).filter((block) =>
        block.node === node || [...block.entries.values()].some((entry) =>
          (entry.state === "active" && entry.owner.node === node) || keys.includes(keyOf(entry) ?? "")));
      recalled?.read(scope, node, found);
      return found;
    },
    ...(recalled === undefined ? {} : { recall: (scope, node) => recalled.of(scope, node) }),
    readSome: async (scope, ids) => (await blocksNow(scope)).filter(({ id }) => ids.includes(id)),
    readAll: blocksNow,
    async write(scope, changes) {
      const work = async (): Promise<readonly SeenBlock[] | undefined> => {
        await shared.pause();
        const isWritten = shared.write(scope, changes);
        const now = changes.flatMap(({ after }) => shared.of(scope).get(after.id) ?? []);
        shared.answered();
        return isWritten ? now : undefined;
      };
      return recalled === undefined ? (await work()) !== undefined : await recalled.writing(scope, work);
    },
    status: async () => undefined,
  };
}

export function memoryJournal(): ReleaseJournal & { readonly noted: PendingRelease[] } {
  const noted: PendingRelease[] = [];
  return {
    noted,
    pending: (scope) => noted.filter((one) => one.scope === scope),
    add: (one) => void noted.push(one),
    done: (one) => void noted.splice(noted.indexOf(one), 1),
    passOn: () => {},
  };
}

export function away(): CniError {
  return new CniError(code.tryAgainLater, "Cannot ask memory: it does not answer, expected it to");
}
