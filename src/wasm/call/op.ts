/** Op numbers of ABI 1. */
export const op = { allocate: 1, release: 2, check: 3, merge: 16, review: 32 } as const;
