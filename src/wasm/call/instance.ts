type Exports = WebAssembly.Instance["exports"];

/** What a call runs in. */
export interface Instance {
  readonly exports: Exports;
  /**
   * When the call is over.
   *
   * @param isWhole  it ended in an answer
   */
  end(isWhole: boolean): void;
}

/** Where instances of one module come from. */
export interface Instances {
  take(module: WebAssembly.Module): Instance;
}

/** One for each call, dropped after it: it cannot leak one pod's data into the next. */
export const newInstances: Instances = {
  take(module) {
    const { exports } = new WebAssembly.Instance(module, {});
    return { exports, end: () => tellOfMemory(exports) };
  },
};

/**
 * One instance for one call after the other, of a built-in module: to make one takes 170 us, most of it for the
 * gigabytes of addresses that the engine reserves for a memory and gives back.
 *
 * Before each call it is what a new one would be. Of an instance a call can change the memory and the globals, each of
 * which the build exports (see code/state.ts), and all of them are set back. Where that cannot be, because a call was
 * broken off, the memory has grown, or the module exports no state, the instance is dropped.
 *
 * The first call has one of its own: most processes make no second one, and need no copy of its memory.
 */
export function keptInstances(): Instances {
  let calls = 0, free: Kept | undefined;
  return {
    take(module) {
      if (calls++ === 0) return newInstances.take(module);
      const kept = free ?? keep(new WebAssembly.Instance(module, {}).exports);
      if (kept === undefined) return newInstances.take(module);
      if (kept === free) kept.reset();
      // A call that is broken off by an error nobody foresaw leaves none behind.
      free = undefined;
      const { exports } = kept;
      return {
        exports,
        end(isWhole) {
          if (isWhole && kept.isResettable()) free = kept;
          else tellOfMemory(exports);
        },
      };
    },
  };
}

/** What the build exports a built-in module's globals as, with a number behind it. */
export const stateExport = "polynic_state_";

interface Kept {
  readonly exports: Exports;
  isResettable(): boolean;
  reset(): void;
}

function keep(exports: Exports): Kept | undefined {
  const { memory } = exports;
  const globals = Object.entries(exports).flatMap(([name, value]) =>
    name.startsWith(stateExport) && isGlobal(value) ? [{ value, before: value.value }] : []);
  if (!(memory instanceof WebAssembly.Memory) || globals.length === 0) return undefined;
  const before = new Uint8Array(memory.buffer).slice();
  const changeable = globals.filter(({ value, before: first }) => isMutable(value, first));
  return {
    exports,
    isResettable: () => memory.buffer.byteLength === before.length,
    reset() {
      new Uint8Array(memory.buffer).set(before);
      for (const { value, before: first } of changeable) value.value = first;
    },
  };
}

type Global = WebAssembly.Global<"i32" | "i64">;

/** Whatever its type, its value is given back as it was taken. */
function isGlobal(value: unknown): value is Global {
  return value instanceof WebAssembly.Global;
}

function isMutable(global: Global, value: Global["value"]): boolean {
  try {
    global.value = value;
    return true;
  } catch {
    return false;
  }
}

/** Memory of instances that were dropped since the engine was told of any. */
let droppedBytes = 0;
const droppedLimitBytes = 64 * 1024 * 1024;

/**
 * The engine counts an instance as the few bytes of its objects and collects none for gigabytes of their memories (Node
 * 26). A buffer it does count, never touched and dropped at once, tells it how much there is to be had.
 */
function tellOfMemory({ memory }: Exports): void {
  droppedBytes += memory instanceof WebAssembly.Memory ? memory.buffer.byteLength : 0;
  if (droppedBytes < droppedLimitBytes) return;
  try {
    new ArrayBuffer(droppedBytes);
  } catch {
    // no room for it: whoever is out of memory collects what there is
  }
  droppedBytes = 0;
}
