/**
 * What links are called, by index, as far as a namespace's handle has seen them: requests name links by index, and
 * people by name. A message may be read when the link, or its whole namespace, is gone again.
 */
export interface LinkNames {
  note(index: number, name: string): void;
  /** `link "eth0"`, or `link 4` when it was never seen. */
  shown(index: number): string;
}

/** More links than a call looks at; a daemon sees more over time, and then starts over. */
const maxNames = 4096;

export function linkNames(): LinkNames {
  const names = new Map<number, string>();
  return {
    note(index, name) {
      if (names.size >= maxNames && !names.has(index)) names.clear();
      names.set(index, name);
    },
    shown(index) {
      const name = names.get(index);
      return name === undefined ? `link ${index}` : `link "${name}"`;
    },
  };
}
