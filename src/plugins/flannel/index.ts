/**
 * flannel: has another plugin, bridge by default, attach the container with the addresses that flanneld gave this node.
 *
 * ADD    reads subnet.env, makes the delegate's configuration, keeps it in `dataDir` and has the delegate add.
 * DEL    has the delegate delete with what was kept; without that, and without subnet.env, with what is known.
 * CHECK  has the delegate check with what was kept.
 * STATUS whether subnet.env is there, and what the delegate says.
 * GC     has the delegate collect, and deletes what was kept for containers that are gone.
 * Refuses (11) to add while flanneld has not written subnet.env; (7) a delegate that makes no interface.
 *
 * What is kept is a file `<dataDir>/<container>` as the original's, so that either can delete what the other added.
 * Source: https://github.com/flannel-io/cni-plugin README.md
 */
import type { Result } from "../../cni/index.ts";
import { allVersions, CniError, code, messageOf, parseJsonObject, requireVersion } from "../../cni/index.ts";
import type {
  AddContext, GcRequest, Handles, Plugin, PluginConf, PluginRequest, Step,
} from "../contract/plugin.ts";
import { broken } from "../interface/check.ts";
import type { FlannelSettings } from "./conf.ts";
import { delegateConf, flannelSettings, lenientSettings, refused } from "./conf.ts";
import type { SubnetEnv } from "./subnet-env.ts";
import { parseSubnetEnv } from "./subnet-env.ts";

export const flannel: Plugin = {
  type: "flannel",
  makesInterface: true,
  versions: allVersions,
  ipam: "none",

  step(request, handles) {
    const settings = flannelSettings(request);
    const env = readEnv(settings, handles);
    if (env === undefined) throw notThere(settings, code.tryAgainLater);
    const conf = delegateConf(settings, request.conf, env);
    const step = delegateOf(settings, conf, handles).step({ ...request, conf }, handles);
    const kept = (step: Step): Step => (
      { add: (prevResult, context) => add({ ...request, prevResult }, conf, { settings, step }, context) });
    return step instanceof Promise ? step.then(kept) : kept(step);
  },

  async del(request, context) {
    const { settings, conf, delegate } = known(request, context);
    if (delegate === undefined) return;
    await delegate.del({ ...request, conf }, context);
    const { containerId } = request.attachment, files = context.containerFiles(settings.dataDir);
    context.teardown.after(`forget the delegate's configuration of network "${conf.name}"`, () => {
      if (keptConf(files.load(containerId), conf.name) !== undefined) files.remove(containerId);
    });
  },

  async check(request, handles) {
    const settings = flannelSettings(request), { containerId } = request.attachment;
    const text = handles.containerFiles(settings.dataDir).load(containerId);
    const conf = keptConf(text, request.conf.name);
    if (conf === undefined) {
      throw broken(
        `Cannot find the delegate's configuration: ${settings.dataDir} has none of network "${request.conf.name}" ` +
          `for container "${containerId}", expected what ADD kept there`,
      );
    }
    await handles.plugin(conf.type).check({ ...request, conf }, handles);
  },

  async status(request, handles) {
    const settings = flannelSettings(request), env = readEnv(settings, handles);
    if (env === undefined) throw notThere(settings, code.notReady);
    const conf = delegateConf(settings, request.conf, env);
    await delegateOf(settings, conf, handles).status({ ...request, conf }, handles);
  },

  async gc(request, handles) {
    const settings = lenientSettings(request);
    const conf = delegateConf(settings, request.conf, readEnv(settings, handles));
    await handles.plugin(conf.type).gc({ ...request, conf }, handles);
    forgetInvalid(request, settings, handles);
  },
};

interface Delegation {
  readonly settings: FlannelSettings;
  readonly step: Step;
}

/** Kept before anything is done: the DEL after a kill finds it. */
async function add(
  { attachment: { containerId }, prevResult }: PluginRequest, conf: PluginConf, { settings, step }: Delegation,
  context: AddContext,
): Promise<Result> {
  const files = context.containerFiles(settings.dataDir), before = files.load(containerId);
  files.save(containerId, JSON.stringify(conf));
  context.undo.add("forget the delegate's configuration", () => (
    before === undefined ? files.remove(containerId) : files.save(containerId, before)));
  return await step.add(prevResult, context);
}

function readEnv({ subnetFile }: FlannelSettings, handles: Pick<Handles, "readTextIfPresent">): SubnetEnv | undefined {
  const text = handles.readTextIfPresent(subnetFile, "subnetFile");
  return text === undefined ? undefined : parseSubnetEnv(text, subnetFile);
}

function notThere({ subnetFile }: FlannelSettings, number: number): CniError {
  return new CniError(
    number,
    `Cannot read subnetFile ${subnetFile}: there is no such file, expected flanneld to run on this node and write it`,
  );
}

/** @throws CniError 112 when it is not there, 1 when it does not speak the version, 7 when it makes no interface */
function delegateOf({ type }: FlannelSettings, { cniVersion }: PluginConf, handles: Handles): Plugin {
  const plugin = handles.plugin(type);
  requireVersion("ADD", cniVersion, plugin.versions);
  if (plugin.isChained !== true && plugin.ipam !== "provider") return plugin;
  throw refused(`Cannot use delegate.type "${type}": it makes no interface, expected a plugin that does`);
}

/**
 * What DEL works from: what ADD kept, else what the same ADD would make now. An executable is told no less than that,
 * since it may refuse a configuration without addresses; the built-in ones need none.
 */
function known(request: PluginRequest, handles: Handles): {
  readonly settings: FlannelSettings; readonly conf: PluginConf; readonly delegate: Plugin | undefined;
} {
  const settings = lenientSettings(request);
  const kept = keptConf(handles.containerFiles(settings.dataDir).load(request.attachment.containerId),
    request.conf.name);
  if (kept !== undefined) return { settings, conf: kept, delegate: handles.plugin(kept.type) };
  const env = envIfUsable(settings, handles), conf = delegateConf(settings, request.conf, env);
  const delegate = handles.plugin(conf.type);
  return { settings, conf, delegate: env === undefined && delegate.ipam === undefined ? undefined : delegate };
}

function envIfUsable(settings: FlannelSettings, handles: Handles): SubnetEnv | undefined {
  try {
    return readEnv(settings, handles);
  } catch (error) {
    handles.log.warn(`${messageOf(error)}; DEL goes on without it`);
    return undefined;
  }
}

/** What was kept for a container on that network; the file is one for each container, whatever the network. */
function keptConf(text: string | undefined, network: string): PluginConf | undefined {
  if (text === undefined) return undefined;
  try {
    const conf = parseJsonObject(text, "the delegate's configuration"), { name, type, cniVersion } = conf;
    if (name !== network || typeof type !== "string" || type === "flannel") return undefined;
    return { ...conf, name: network, type, cniVersion: typeof cniVersion === "string" ? cniVersion : "" };
  } catch {
    return undefined;
  }
}

function forgetInvalid({ validAttachments, conf: { name } }: GcRequest, settings: FlannelSettings, handles: Handles) {
  if (validAttachments === undefined) return;
  const files = handles.containerFiles(settings.dataDir);
  const valid = new Set(validAttachments.map(({ containerID }) => containerID));
  for (const containerId of files.list())
    if (!valid.has(containerId) && keptConf(files.load(containerId), name) !== undefined) files.remove(containerId);
}
