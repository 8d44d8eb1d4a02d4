/** The shim as the build makes it, in a tree whose one-shot form only tells that it was run. */
import { spawn } from "node:child_process";
import {
  chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
// The build's own; there are no types for it.
// @ts-expect-error
import { buildShim } from "../../../scripts/shim/build.mjs";

export interface ShimTree {
  readonly directory: string;
  /** Where a daemon would listen. */
  readonly socket: string;
  readonly hasShim: boolean;
  start(given?: ShimRun): RunningShim;
  run(given?: ShimRun): Promise<ShimAnswer>;
  /** What each run of the one-shot form was given since the last time. */
  oneShots(): readonly OneShot[];
  remove(): void;
}

export interface ShimRun {
  readonly name?: string;
  readonly file?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string | Buffer;
  readonly cwd?: string;
}

export interface RunningShim {
  readonly pid: number;
  readonly answer: Promise<ShimAnswer>;
  kill(): void;
}

export interface ShimAnswer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface OneShot {
  readonly words: string;
  readonly stdin: string;
}

/** Notes what it was given, and prints something. */
const launcher = `#!/bin/sh
directory=\${0%/bin/../lib/polynic/launcher}
number=$$
cat > "$directory/runs/$number.stdin"
[ "$CNI_COMMAND" != DEL ] || set -- "$@" "for DEL"
echo "$*" > "$directory/runs/$number.words"
echo one-shot
`;

export function makeShimTree(): ShimTree {
  const directory = mkdtempSync(join(tmpdir(), "polynic-shim-"));
  for (const name of ["bin", "lib/polynic", "runs", "run"]) mkdirSync(join(directory, name), { recursive: true });
  const file = join(directory, "bin", "polynic"), socket = join(directory, "run", "polynic.sock");
  const hasShim: boolean = buildShim(file);
  for (const name of ["bridge", "multus"]) symlinkSync("polynic", join(directory, "bin", name));
  writeFileSync(join(directory, "lib", "polynic", "launcher"), launcher);
  chmodSync(join(directory, "lib", "polynic", "launcher"), 0o755);

  const start = ({ name = "bridge", args = [], env = {}, stdin = "{}", cwd, ...given }: ShimRun = {}): RunningShim => {
    const child = spawn(given.file ?? join(directory, "bin", name), args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { PATH: process.env["PATH"], POLYNIC_SOCKET: socket, CNI_COMMAND: "ADD", CNI_CONTAINERID: "pod-1",
        CNI_PATH: "/opt/cni/bin", ...env },
    });
    let stdout = "", stderr = "";
    child.stdout.on("data", (chunk: Buffer) => { stdout += chunk.toString(); });
    child.stderr.on("data", (chunk: Buffer) => { stderr += chunk.toString(); });
    // One that does not read it all.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    return {
      pid: child.pid ?? 0,
      answer: new Promise((resolve, reject) => {
        child.on("error", reject);
        child.on("close", (status) => resolve({ status, stdout, stderr }));
      }),
      kill: () => void child.kill("SIGKILL"),
    };
  };
  return {
    directory, socket, hasShim, start,
    run: (given) => start(given).answer,
    oneShots() {
      const runs = join(directory, "runs");
      const numbers = readdirSync(runs).filter((name) => name.endsWith(".words")).map((name) => name.split(".")[0]);
      return numbers.map((number) => ({ words: take(join(runs, `${number}.words`)).trimEnd(),
        stdin: take(join(runs, `${number}.stdin`)) }));
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function take(file: string): string {
  const text = readFileSync(file, "latin1");
  rmSync(file);
  return text;
}
