/** A JSON value that nobody can change any more, so that several may have it. */
export function deeplyFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  for (const each of Object.values(value)) deeplyFrozen(each);
  return Object.freeze(value);
}

/**
 * What is made of an object: once, and kept for as long as the object is there, frozen as well, where the object is
 * frozen; anew each time where somebody may change it.
 */
export function madeOnce<K extends object, T extends object>(make: (of: K) => T): (of: K) => T {
  const known = new WeakMap<K, T>();
  return (of) => {
    const before = known.get(of);
    if (before !== undefined) return before;
    const made = make(of);
    if (Object.isFrozen(of)) known.set(of, deeplyFrozen(made));
    return made;
  };
}
