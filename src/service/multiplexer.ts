import type { Observer, Surroundings, Warm } from "../call/index.ts";
import { openHandles, openLog, toCniError } from "../call/index.ts";
import type { Command } from "../cni/index.ts";
import { CniError, code, prevResultOf, splitArgPairs } from "../cni/index.ts";
import { insideVariable } from "../exec/index.ts";
import type { MuxCommand } from "../mux/index.ts";
import { add, check, del, gc, pluginPath, status, withContainerLock } from "../mux/index.ts";
import type { Attachment, Log } from "../plugins/index.ts";
import { moduleDirectory, version } from "../program/index.ts";
import type { Call } from "./call.ts";
import { attachmentOf } from "./call.ts";
import type { LatelyRead } from "./lately-read.ts";

/** Serves one call of the multiplexer; returns what goes to stdout. */
export async function runMultiplexer(
  invokedAs: string,
  { command: verb, environment, input }: Call,
  surroundings: Surroundings,
  { warm, observer, lately }: {
    readonly warm?: Warm | undefined; readonly observer?: Observer | undefined; readonly lately: LatelyRead;
  },
): Promise<string> {
  refuseInside(invokedAs, surroundings.env);
  const conf = lately.muxConf(input.conf, { invokedAs, verb });
  // It serves no purpose in a multiplexer, but one that cannot be read means that something is wrong.
  if (verb === "ADD" || verb === "CHECK") prevResultOf(input);
  const log = openLog(conf.log, surroundings.tell);
  const attachment = attachmentOf(environment);
  const command = {
    ...muxCommand({ conf, attachment, log, surroundings, warm, observer }),
    validAttachments: input.validAttachments,
  };
  try {
    return await run(verb, command);
  } catch (error) {
    log.error(`${verb} ${whoFor(attachment)}: ${wordsOf(toCniError(error))}`);
    throw error;
  }
}

export interface CommandParts extends Pick<MuxCommand, "conf" | "attachment"> {
  readonly log: Log;
  readonly surroundings: Surroundings;
  readonly warm: Warm | undefined;
  /** Absent: nobody looks on. */
  readonly observer?: Observer | undefined;
}

/** A command with what it works with in this process, of no runtime's list. */
export function muxCommand(parts: CommandParts): MuxCommand {
  const { conf, attachment, log, surroundings, warm, observer } = parts;
  const path = pluginPath(attachment, conf);
  return {
    conf, attachment,
    validAttachments: undefined,
    env: surroundings.env,
    version,
    clusters: warm?.clusters, connections: warm?.connections,
    cluster: observer?.cluster,
    openHandles: (netns) => {
      const opened = openHandles({
        netns,
        path,
        execute: conf.execute,
        modules: moduleDirectory,
        moduleSettings: conf.modules,
        dataDirs: conf.dataDirs,
        leaseStores: conf.leaseStores,
        log,
        surroundings,
        warm,
      });
      return observer === undefined ? opened : observer.handles(opened);
    },
    exclusively(containerId, work) {
      const held = observer?.waits(`the lock of container ${containerId}`);
      return withContainerLock({ cniDir: conf.cniDir, containerId }, async () => {
        held?.();
        return await work();
      });
    },
  };
}

async function run(verb: Command, command: MuxCommand): Promise<string> {
  switch (verb) {
    case "ADD": return JSON.stringify(await add(command), null, 4);
    case "DEL": await del(command); break;
    case "CHECK": await check(command); break;
    case "STATUS": await status(command); break;
    case "GC": await gc(command); break;
    case "VERSION": break;
  }
  return "";
}

/** In the brackets that Multus's log has: `[default/web-0/UID]`; of no pod, the container. */
function whoFor({ args, containerId }: Attachment): string {
  const given = new Map(splitArgPairs(args));
  const [namespace = "", pod = "", uid = ""] = ["NAMESPACE", "NAME", "UID"].map((name) => given.get(`K8S_POD_${name}`));
  return `[${pod === "" ? containerId : `${namespace}/${pod}/${uid}`}]`;
}

function wordsOf({ message, details }: CniError): string {
  return details === undefined ? message : `${message} (${details})`;
}

/**
 * A plugin that we run may run others which its configuration names, and that may be anybody's: with the multiplexer
 * among them, it could choose which files are executed.
 */
function refuseInside(invokedAs: string, env: Surroundings["env"]): void {
  const plugin = env[insideVariable];
  if (plugin === undefined) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot run ${invokedAs} inside plugin "${plugin}": a multiplexer ran that plugin, expected a configuration that ` +
      "does not lead back to one",
  );
}
