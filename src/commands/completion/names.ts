/** Names of this machine's networks and containers, as far as they can be had at once. Who cannot be asked has none. */
import { readdirSync } from "node:fs";
import { findProgram, runProgram } from "../../os/index.ts";
import { configurationFiles, isReadable } from "../machine/configuration.ts";
import { confDirs } from "../machine/directories.ts";
import { rememberedAttachments } from "../machine/known.ts";
import type { ProcessEnvironment } from "../output.ts";

interface Name {
  readonly text: string;
  readonly help: string;
}

export function networkNames(): readonly Name[] {
  return orNone(() => configurationFiles(confDirs({ "conf-dir": undefined })).filter(isReadable)
    .map(({ configuration }) => ({ text: configuration.name, help: configuration.file ?? "" })));
}

/** Namespaces of ip netns, what runs in docker and podman, and what is remembered; each name once. */
export async function containerNames(environment: ProcessEnvironment): Promise<readonly Name[]> {
  const ofEngines = await Promise.all(engines.map(async (engine) => await namesFrom(engine, environment)));
  const found = [
    ...orNone(() => readdirSync("/run/netns")).map((text) => ({ text, help: "network namespace" })),
    ...ofEngines.flat(),
    ...orNone(() => rememberedAttachments({ "state-dir": undefined }, environment))
      .map(({ label }) => ({ text: label, help: "attached" })),
  ];
  return [...new Map(found.toReversed().map((name) => [name.text, name])).values()].toReversed();
}

const engines = ["docker", "podman"] as const;

/** Nobody waits longer for a key. */
const answerLimitMs = 2_000;

async function namesFrom(engine: string, environment: ProcessEnvironment): Promise<readonly Name[]> {
  const file = findProgram(engine, (environment["PATH"] ?? "").split(":"));
  if (file === undefined) return [];
  try {
    const words = ["ps", "--format", "{{.Names}}"];
    const { status, stdout } = await runProgram(file, words, { env: environment, timeoutMs: answerLimitMs });
    const names = status === 0 ? stdout.split("\n").filter((name) => name !== "") : [];
    return names.map((text) => ({ text, help: engine }));
  } catch {
    return [];
  }
}

function orNone<T>(look: () => readonly T[]): readonly T[] {
  try {
    return look();
  } catch {
    return [];
  }
}
