/** Calls of networks in this process, as a container runtime makes them: through `serve`, by the multiplexer. */
import type { Observer } from "../../call/index.ts";
import { CniError, newestVersion } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { serve } from "../../service/index.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import type { Configuration } from "./configuration.ts";
import { multiplexerIn } from "./configuration.ts";

/**
 * The multiplexed network that containers are attached to by hand. No runtime's has the name: its GC takes what is not
 * on its own list for left over, and that it does not know of ours is no reason to take it away.
 */
export const byHand = "polynic.by-hand";

export interface NetworkCall {
  readonly verb: "ADD" | "DEL" | "CHECK" | "STATUS";
  /** The multiplexer's configuration. */
  readonly conf: JsonObject;
  readonly containerId?: string;
  readonly netns?: string;
  readonly ifName?: string;
  readonly args?: string;
  readonly path: readonly string[];
}

export interface NetworkCaller extends Pick<Output, "warn"> {
  readonly environment: ProcessEnvironment;
  readonly observer?: Observer;
}

/**
 * @returns what the multiplexer answered; undefined for verbs without an answer
 * @throws CniError as it answered
 */
export async function callNetwork(
  { verb, conf, containerId = "", netns = "", ifName = "", args = "", path }: NetworkCall,
  { environment, warn, observer }: NetworkCaller,
): Promise<JsonObject | undefined> {
  const env = {
    ...environment,
    CNI_COMMAND: verb, CNI_CONTAINERID: containerId, CNI_NETNS: netns, CNI_IFNAME: ifName, CNI_ARGS: args,
    CNI_PATH: path.join(":"),
  };
  const tell = (text: string): void => warn(text.trimEnd());
  const { status, stdout } = await serve({ name: "polynic", env, stdin: JSON.stringify(conf) }, { tell, observer });
  const answer: unknown = stdout === "" ? undefined : JSON.parse(stdout);
  if (status === 0) return isJsonObject(answer) ? answer : undefined;
  const { code, msg, details } = isJsonObject(answer) ? answer : {};
  throw new CniError(Number(code), String(msg), typeof details === "string" ? { details } : {});
}

export interface MultiplexerOptions {
  /** Of the multiplexed network. */
  readonly name: string;
  /** Where attachments are remembered, unless the configuration says. */
  readonly stateDir: string;
  readonly runtimeConfig?: JsonObject;
}

/** A configuration as the multiplexer's: its own where it is one, else with it as the only network. */
export function multiplexerOf(
  configuration: Configuration,
  { name, stateDir, runtimeConfig }: MultiplexerOptions,
): JsonObject {
  const own = multiplexerIn(configuration);
  const common = { cniVersion: newestVersion, name, ...(runtimeConfig === undefined ? {} : { runtimeConfig }) };
  if (own !== undefined) return { cniDir: stateDir, ...own, ...common };
  const { file, json } = configuration;
  const network = file === undefined ? { delegates: [json] } : { clusterNetwork: file };
  return { type: "polynic", cniDir: stateDir, ...common, ...network };
}
