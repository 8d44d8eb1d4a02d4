/** The firewall tools of the node: where they are, and how one run of them ends. */
import { CniError, code, messageOf } from "../cni/index.ts";
import { ProgramError, findProgram, runProgram } from "../os/index.ts";

/** A process's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A run that came to its end, whatever it ended with. */
export interface Ended {
  readonly program: string;
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longest run of one process; iptables itself gives up earlier on its lock. */
const timeoutMs = 30_000;
/** A node with tens of thousands of services prints a few MiB. */
const outputBytesMax = 256 * 1024 * 1024;
/** Runtimes start plugins with whatever PATH they have; the tools live here. */
const usualDirectories = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"];

/** Finds tools on the PATH, then in the usual places, and each of them once. */
export function toolFinder(env: Environment): (program: string) => string | undefined {
  const found = new Map<string, string | undefined>();
  return (program) => {
    if (!found.has(program)) found.set(program, findProgram(program, directoriesOf(env)));
    return found.get(program);
  };
}

function directoriesOf(env: Environment): readonly string[] {
  return [...(env["PATH"] ?? "").split(":"), ...usualDirectories];
}

/**
 * Runs one of them to its end.
 *
 * @param file  where it is; undefined where it was not found
 * @param supplier  the package that would bring it
 * @throws CniError 102 when it is not there, cannot be started or comes to no end
 */
export async function runTool(
  env: Environment, { program, file, supplier }: { program: string; file: string | undefined; supplier: string },
  args: readonly string[], input: string,
): Promise<Ended> {
  if (file === undefined)
    throw new CniError(
      code.executable,
      `Cannot run ${program}: there is no such program on PATH, expected the ${supplier} package`,
    );
  try {
    return { program, ...(await runProgram(file, args, { input, env, timeoutMs, outputBytesMax })) };
  } catch (error) {
    const why = error instanceof ProgramError ? `${error.problem} and was ended` : messageOf(error);
    throw new CniError(code.executable, `Cannot run ${program} (${file}): ${why}`, { cause: error });
  }
}
