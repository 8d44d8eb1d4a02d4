/** A network that a container has, as far as a change of its pod's annotation is concerned. */
export interface AttachedNetwork {
  /** The element that asked for it; undefined where none did. */
  readonly selection: string | undefined;
  /** Its ADD came to its end. */
  readonly isComplete: boolean;
  /** It was attached while the pod ran. */
  readonly isChange: boolean;
}

/** What has to be done, by the places of what is attached and of what is wanted. */
export interface ChangePlan {
  readonly remove: readonly number[];
  readonly add: readonly number[];
}

/**
 * What makes of the networks that a pod has those that it wants. One that is wanted as it was stays as it is; of
 * several alike the first ones stay. One that was being attached when everything ended is taken off, and attached anew
 * where it is wanted. What no element asked for is nobody's to change.
 *
 * @returns undefined where the container's own ADD has not come to its end: its DEL follows
 */
export function planChange(
  attached: readonly AttachedNetwork[], wanted: readonly string[],
): ChangePlan | undefined {
  if (attached.some(({ isComplete, isChange }) => !isComplete && !isChange)) return undefined;
  const open = wanted.map((selection, index) => ({ selection, index }));
  const remove = attached.flatMap(({ selection, isComplete }, index) => {
    if (selection === undefined) return [];
    const found = isComplete ? open.findIndex((one) => one.selection === selection) : -1;
    if (found < 0) return [index];
    open.splice(found, 1);
    return [];
  });
  return { remove, add: open.map(({ index }) => index) };
}
