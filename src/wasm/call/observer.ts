/** Of what one call took. */
interface Figures {
  readonly fuelUsed: bigint;
  readonly milliseconds: number;
}

export type ModuleObserver = (name: string, figures: Figures, isFailed: boolean) => void;

let observer: ModuleObserver | undefined;

/** Tells of every call of a module in this process from now on, to one at a time; what it returns ends that. */
export function observeModules(observe: ModuleObserver): () => void {
  observer = observe;
  return () => {
    if (observer === observe) observer = undefined;
  };
}

export function tellObserver(...told: Parameters<ModuleObserver>): void {
  observer?.(...told);
}
