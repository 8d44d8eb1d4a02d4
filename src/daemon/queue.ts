export interface QueueLimits {
  /** At work at once. */
  readonly running: number;
  readonly waiting: number;
}

/** Never rejects. */
export type Work = () => Promise<void>;

/** A place in the queue, which can be given up; without effect once the work has started. */
export interface Place {
  leave(): void;
}

/**
 * Work of one container in turn, of different ones side by side, and no more of either than is allowed. Containers take
 * turns, so that one with many calls holds nobody up.
 */
export class Queue {
  readonly #limits: QueueLimits;
  /** What waits of each container, oldest first; a container at work stays in it with an empty list. */
  readonly #lines = new Map<string, Work[]>();
  /** Containers with something to start, in the order of their turns. */
  readonly #ready: string[] = [];
  #running = 0;
  #waiting = 0;
  #aside = 0;
  #idle: (() => void)[] = [];

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get running(): number { return this.#running; }
  get waiting(): number { return this.#waiting; }
  /** Containers with something at work or waiting. */
  get containers(): number { return this.#lines.size; }
  get isFull(): boolean { return this.#waiting >= this.#limits.waiting; }

  /** Takes work in and starts it when its turn comes; undefined when the queue is full. */
  add(container: string, work: Work): Place | undefined {
    if (this.isFull) return undefined;
    this.#waiting++;
    const line = this.#lines.get(container);
    if (line === undefined) {
      this.#lines.set(container, [work]);
      this.#ready.push(container);
    } else line.push(work);
    this.#startNext();
    return { leave: () => this.#remove(container, work) };
  }

  /**
   * Starts work at once that must not wait for what runs, since that waits for it. False, and nothing is started, when
   * as much of it is at work as there is of other work at most.
   */
  addAside(work: Work): boolean {
    if (this.#aside >= this.#limits.running) return false;
    this.#aside++;
    void work().finally(() => {
      this.#aside--;
      this.#tellIdle();
    });
    return true;
  }

  /** Resolves when nothing runs and nothing waits. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#tellIdle();
    });
  }

  #startNext(): void {
    while (this.#running < this.#limits.running) {
      const container = this.#ready.shift();
      if (container === undefined) return;
      const work = this.#lines.get(container)?.shift();
      if (work === undefined) {
        this.#lines.delete(container);
        continue;
      }
      this.#waiting--;
      this.#running++;
      void work().finally(() => this.#end(container));
    }
  }

  #end(container: string): void {
    this.#running--;
    if ((this.#lines.get(container)?.length ?? 0) > 0) this.#ready.push(container);
    else this.#lines.delete(container);
    this.#startNext();
    this.#tellIdle();
  }

  #remove(container: string, work: Work): void {
    const line = this.#lines.get(container), place = line?.indexOf(work) ?? -1;
    if (place < 0) return;
    line?.splice(place, 1);
    this.#waiting--;
  }

  #tellIdle(): void {
    if (this.#running + this.#waiting + this.#aside > 0) return;
    for (const tell of this.#idle.splice(0)) tell();
  }
}
