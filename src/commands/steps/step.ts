/** What an ADD or a DEL does, step by step: one list for `plan`, which shows them, and `trace`, which times them. */

export type StepKind = "plugin" | "request" | "look" | "program" | "module" | "addresses" | "file" | "lock" | "pause";

export interface Step {
  readonly kind: StepKind;
  /** host: the node's namespace. container: the container's. node: none of them, as files. */
  readonly where: "host" | "container" | "node";
  /** In words: `add link "cni0"`. */
  readonly what: string;
  /** The same as tools have it, `$NETNS` standing for the container's namespace; none where there is no tool for it. */
  readonly commands: readonly string[];
  /** 0 for what the multiplexer does itself, 1 and more within plugins. */
  readonly depth: number;
  /** From its beginning to its end, with the steps within it. */
  readonly ms: number;
  /** Without these. */
  readonly ownMs: number;
  /** What went wrong in it. */
  readonly error?: string;
}

/** Gathers steps as they happen. */
export interface Recorder {
  readonly steps: readonly Step[];
  /** Runs `work` as a step; what `described` says is asked for when it is over, `work`'s error is thrown on. */
  step<T>(described: () => StepWords, work: () => T): T;
  /** Begins a step that ends when the function is called. */
  begin(described: () => StepWords): (error?: unknown) => void;
  /** Milliseconds that only grow, without what belongs to looking on. */
  elapsedMs(): number;
  /** Does something that belongs to looking on, not to what is looked at. */
  aside<T>(work: () => T): T;
}

export type StepWords = Pick<Step, "kind" | "where" | "what"> & { readonly commands?: readonly string[] };

interface Open {
  readonly at: number;
  startMs: number;
  withinMs: number;
}

/** @param now  milliseconds that only grow */
export function openRecorder(now: () => number): Recorder {
  const steps: (Step | undefined)[] = [];
  const open: Open[] = [];
  let asideMs = 0;
  const clock = (): number => now() - asideMs;

  function begin(described: () => StepWords): (error?: unknown) => void {
    const depth = open.length;
    // In the order in which they begin.
    const own: Open = { at: steps.push(undefined) - 1, startMs: clock(), withinMs: 0 };
    open.push(own);
    return (error) => {
      const ms = clock() - own.startMs;
      const at = open.lastIndexOf(own);
      if (at >= 0) open.splice(at, 1);
      const outer = open.at(-1);
      if (outer !== undefined) outer.withinMs += ms;
      const { commands = [], ...words } = aside(described);
      steps[own.at] = {
        ...words, commands, depth, ms,
        ownMs: Math.max(0, ms - own.withinMs),
        ...(error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) }),
      };
    };
  }

  function aside<T>(work: () => T): T {
    const start = now();
    const ended = (): void => { asideMs += now() - start; };
    return settled(work, ended, ended);
  }

  return {
    get steps() { return steps.filter((step) => step !== undefined); },
    begin, aside,
    elapsedMs: clock,
    step(described, work) {
      const end = begin(described);
      return settled(work, () => end(), end);
    },
  };
}

/** Calls one of the two when the work, or its promise, is done. */
function settled<T>(work: () => T, done: () => void, failed: (error: unknown) => void): T {
  let result: T;
  try {
    result = work();
  } catch (error) {
    failed(error);
    throw error;
  }
  if (!(result instanceof Promise)) {
    done();
    return result;
  }
  const after = result.then(
    (value: unknown) => { done(); return value; },
    (error: unknown) => { failed(error); throw error; },
  );
  // The same promise but for when it settles.
  return after as T;
}
