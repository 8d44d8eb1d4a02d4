interface Reads<T> {
  /** It may have been answered before anybody who comes now has asked. */
  readonly sent: Promise<T>;
  /** Will be sent when that one is done, and counts for whoever asks until then. */
  next: Promise<T> | undefined;
}

/**
 * Reads of the same object by many at once. An answer counts for everybody who had asked before its request was sent,
 * so nobody is told what was so before they asked.
 */
export class SharedReads<T> {
  readonly #reads = new Map<string, Reads<T>>();

  /** @param ask  reads it; when another's read fails this one is tried, as that one may have had less time */
  async read(key: string, ask: () => Promise<T>): Promise<T> {
    const reads = this.#reads.get(key);
    if (reads === undefined) return await this.#send(key, ask);
    if (reads.next !== undefined) return await reads.next.catch(ask);
    return await (reads.next = settled(reads.sent).then(() => this.#send(key, ask)));
  }

  #send(key: string, ask: () => Promise<T>): Promise<T> {
    const sent = ask(), reads: Reads<T> = { sent, next: undefined };
    this.#reads.set(key, reads);
    void settled(sent).then(() => {
      if (this.#reads.get(key) === reads && reads.next === undefined) this.#reads.delete(key);
    });
    return sent;
  }
}

async function settled(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch {
    return; // whoever asked is told
  }
}
