/** A list that counts how often an entry of it is looked at: what is gone over once is read as often as it is long. */
export function counted<T>(entries: readonly T[]): { readonly list: readonly T[]; reads(): number } {
  let reads = 0;
  const list = new Proxy(entries, {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) reads++;
      const value: unknown = Reflect.get(target, key);
      return value;
    },
  });
  return { list, reads: () => reads };
}
