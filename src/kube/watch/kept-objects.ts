/** An object of the cluster, as it is kept. */
export interface KeptObject {
  readonly uid: string;
  /** JSON, without what nobody asks of it here. */
  readonly text: string;
}

export interface KeptLimits {
  readonly objects: number;
  /** Of all texts together, in characters. */
  readonly chars: number;
}

/** Objects by `namespace/name`, as many as may be kept. Of one that is not kept nothing is known. */
export class KeptObjects {
  readonly #limits: KeptLimits;
  readonly #objects = new Map<string, KeptObject>();
  #chars = 0;
  #refused = 0;

  constructor(limits: KeptLimits) {
    this.#limits = limits;
  }

  get count(): number { return this.#objects.size; }
  get chars(): number { return this.#chars; }
  /** How often one could not be kept. */
  get refused(): number { return this.#refused; }

  get(key: string): KeptObject | undefined {
    return this.#objects.get(key);
  }

  keys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  /** Keeps it in place of what was there; where there is no room for it, what was there is gone all the same. */
  set(key: string, object: KeptObject): void {
    this.delete(key);
    const { objects, chars } = this.#limits;
    if (this.#objects.size >= objects || this.#chars + object.text.length > chars) {
      this.#refused++;
      return;
    }
    this.#objects.set(key, object);
    this.#chars += object.text.length;
  }

  delete(key: string): void {
    const known = this.#objects.get(key);
    if (known === undefined) return;
    this.#objects.delete(key);
    this.#chars -= known.text.length;
  }

  clear(): void {
    this.#objects.clear();
    this.#chars = 0;
  }
}
