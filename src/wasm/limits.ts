/** What a module may use; docs/modules.md says how a node sets it. */
export interface CallLimits {
  /** Instructions of one call, its start section included. */
  readonly fuel: bigint;
  /** Pages of 64 KiB. */
  readonly memoryPages: number;
}

export const defaultLimits: CallLimits = { fuel: 50_000_000n, memoryPages: 256 };

/** The node's configuration may go as far as this. */
export const hardLimits: CallLimits = { fuel: 1_000_000_000n, memoryPages: 1024 };

/** Bytes of a module's file. */
export const fileLimits = { defaultBytes: 256 * 1024, hardBytes: 512 * 1024 } as const;

/** Limits of a module's code, the same for all. */
export const codeLimits = {
  functions: 4096,
  tableEntries: 4096,
  /**
   * Of each section but that of the code: types, globals, exports, segments. Engines take seconds for some ten
   * thousand.
   */
  entries: 4096,
  bodyBytes: 32 * 1024,
  /** Parameters included. */
  locals: 256,
  loops: 1024,
  /**
   * Of all calls that are open, counted by the meter: an engine's own stack holds more or fewer of the same calls
   * before and after it has optimised them. 8 bytes of it are a slot at most; a thread of Node has 984 KiB.
   */
  stackSlots: 32_768,
  /** Slots of a call beside its locals, parameters and values: return address, instance, frame. */
  callSlots: 16,
  /** The time to compile a function grows with its locals times its blocks. */
  localBlocks: 20_000,
  localBlocksSum: 200_000,
} as const;

/** Limits as configurations write them. */
export interface LimitsConf {
  readonly fuel?: number;
  readonly memoryMiB?: number;
}

const pagesPerMiB = 16;

/** What the node allows: its configuration may raise the defaults up to the hard caps. */
export function nodeLimits(conf: LimitsConf): CallLimits {
  return lower(hardLimits, {
    fuel: conf.fuel === undefined ? defaultLimits.fuel : BigInt(conf.fuel),
    memoryPages: conf.memoryMiB === undefined ? defaultLimits.memoryPages : conf.memoryMiB * pagesPerMiB,
  });
}

/** What a network's configuration asks for: it may only lower what the node allows. */
export function loweredLimits(limits: CallLimits, conf: LimitsConf): CallLimits {
  return lower(limits, {
    fuel: conf.fuel === undefined ? limits.fuel : BigInt(conf.fuel),
    memoryPages: conf.memoryMiB === undefined ? limits.memoryPages : conf.memoryMiB * pagesPerMiB,
  });
}

function lower(cap: CallLimits, wanted: CallLimits): CallLimits {
  return {
    fuel: wanted.fuel < cap.fuel ? wanted.fuel : cap.fuel,
    memoryPages: Math.min(wanted.memoryPages, cap.memoryPages),
  };
}
