export interface Replay {
  readonly metered: Uint8Array;
  readonly op: number;
  readonly fuel: bigint;
  readonly frames: readonly Uint8Array[];
}

const limitMs = 60_000;
const answersLimitBytes = 256 * 1024 * 1024;

/**
 * The answers of a process of its own to the frames, each as `<fuel used> <text>`; "trap" where there was none. That
 * process knows nothing of this program: plain WebAssembly, the bytes on stdin.
 */
export async function replayElsewhere({ metered, op, fuel, frames }: Replay): Promise<readonly string[]> {
  const { execa } = await import("execa");
  const input = JSON.stringify({ metered: base64(metered), op, fuel: String(fuel), frames: frames.map(base64) });
  const { failed, stdout, stderr, shortMessage } = await execa(process.execPath, ["-e", `(${replay.toString()})()`], {
    input, timeout: limitMs, maxBuffer: answersLimitBytes, reject: false,
  });
  if (failed) throw new Error(`Cannot replay frames in another process: ${shortMessage}: ${stderr.trim()}`);
  // It prints a list of texts, see below.
  return JSON.parse(stdout) as readonly string[];
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Runs in the other process as text: it may use nothing from outside itself. The names are those the meter exports. */
function replay(): void {
  const { readFileSync, writeSync } = process.getBuiltinModule("node:fs");
  const { metered, op, fuel, frames } = JSON.parse(readFileSync(0, "utf8"));
  const module = new WebAssembly.Module(Buffer.from(metered, "base64"));
  const answers = frames.map((text: string) => {
    const frame = Buffer.from(text, "base64");
    // The host's own compiler saw these exports and their types before.
    const exports = new WebAssembly.Instance(module, {}).exports as Record<string, any>;
    exports["polynic_fuel"].value = BigInt(fuel);
    try {
      exports["polynic_start"]?.();
      exports["abi"](); // the host asks first, on the same fuel
      const at = exports["alloc"](frame.length) >>> 0;
      new Uint8Array(exports["memory"].buffer).set(frame, at);
      const packed = BigInt.asUintN(64, exports["call"](op, at, frame.length));
      const answer = Buffer.from(
        exports["memory"].buffer,
        Number(packed >> 32n),
        Number(packed & 0xffff_ffffn),
      ).toString();
      return `${BigInt(fuel) - exports["polynic_fuel"].value} ${answer}`;
    } catch {
      return "trap";
    }
  });
  for (let text = Buffer.from(JSON.stringify(answers)); text.length > 0; ) text = text.subarray(writeSync(1, text));
}
