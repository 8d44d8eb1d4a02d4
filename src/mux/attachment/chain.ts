import type { FailedStep } from "../../call/index.ts";
import { handlesWith, withContext } from "../../call/index.ts";
import type { NetworkPlugin, Result } from "../../cni/index.ts";
import { requestConf, requireVersion } from "../../cni/index.ts";
import type {
  AddContext,
  DelContext,
  Handles,
  PluginRequest,
  Teardown,
  Undo,
  ValidAttachment,
} from "../../plugins/index.ts";
import type { NetworkAttachment } from "../networks/network-attachment.ts";
import { describe } from "../networks/network-attachment.ts";

/**
 * Refuses a plugin that is not there, does not speak the network's version or refuses its configuration; touches
 * nothing.
 */
export async function validatePlugin(
  network: NetworkAttachment,
  plugin: NetworkPlugin,
  handles: Handles,
): Promise<void> {
  const { versions, validate, prepare } = handles.plugin(plugin.type);
  requireVersion("ADD", network.delegate.network.cniVersion, versions);
  validate?.(request(network, plugin, undefined), handles);
  await prepare?.(request(network, plugin, undefined), handles);
}

/**
 * Runs the plugins of one network in list order, each with the result of the one before it.
 *
 * @throws CniError of the plugin that failed, naming it, the network and the interface; what was done is in `undo`
 */
export async function addNetwork(network: NetworkAttachment, handles: Handles, undo: Undo): Promise<Result> {
  const context: AddContext = handlesWith(handles, { undo });
  let result: Result | undefined;
  for (const plugin of network.delegate.network.plugins) {
    try {
      result = await handles.plugin(plugin.type).add(request(network, plugin, result), context);
    } catch (error) {
      throw withContext(error, `Cannot add ${describe(network)} with plugin "${plugin.type}"`);
    }
  }
  return result ?? { interfaces: [], ips: [], routes: [], dns: {} };
}

/** Runs DEL of every plugin in reverse order, past errors, which are added to `failures`. */
export async function delNetwork(
  network: NetworkAttachment,
  prevResult: Result | undefined,
  { handles, teardown, failures }: { handles: Handles; teardown: Teardown; failures: FailedStep[] },
): Promise<void> {
  const context: DelContext = handlesWith(handles, { teardown });
  for (const plugin of network.delegate.network.plugins.toReversed()) {
    try {
      await handles.plugin(plugin.type).del(request(network, plugin, prevResult), context);
    } catch (error) {
      failures.push({ what: `undo plugin "${plugin.type}"`, error });
    }
  }
}

/** Checks with every plugin in list order; the first error ends it. */
export async function checkNetwork(
  network: NetworkAttachment,
  prevResult: Result | undefined,
  handles: Handles,
): Promise<void> {
  for (const plugin of network.delegate.network.plugins) {
    try {
      await handles.plugin(plugin.type).check(request(network, plugin, prevResult), handles);
    } catch (error) {
      throw withContext(error, `Cannot confirm ${describe(network)} with plugin "${plugin.type}"`);
    }
  }
}

/** Asks every plugin in list order; the first error ends it and passes unchanged, its code says how bad it is. */
export async function statusOfNetwork(network: NetworkAttachment, handles: Handles): Promise<void> {
  for (const plugin of network.delegate.network.plugins)
    await handles.plugin(plugin.type).status(request(network, plugin, undefined), handles);
}

/** GC of every plugin in list order, past errors; returns them. */
export async function collectNetwork(
  network: NetworkAttachment, validAttachments: readonly ValidAttachment[] | undefined, handles: Handles,
): Promise<readonly unknown[]> {
  const errors: unknown[] = [];
  for (const plugin of network.delegate.network.plugins) {
    try {
      await handles.plugin(plugin.type).gc({ ...request(network, plugin, undefined), validAttachments }, handles);
    } catch (error) {
      errors.push(
        withContext(error, `Cannot collect what is left of ${describe(network)} with plugin "${plugin.type}"`),
      );
    }
  }
  return errors;
}

function request(network: NetworkAttachment, plugin: NetworkPlugin, prevResult: Result | undefined): PluginRequest {
  return {
    attachment: network,
    prevResult,
    trusted: network.delegate.trusted,
    conf: confOf(network, plugin),
  };
}

type Conf = PluginRequest["conf"];

/** One object for every call of a plugin in a network, by which the plugin knows what it has accepted. */
const confs = new WeakMap<NetworkAttachment, Map<NetworkPlugin, Conf>>();

function confOf(network: NetworkAttachment, plugin: NetworkPlugin): Conf {
  const known = confs.get(network) ?? new Map<NetworkPlugin, Conf>();
  confs.set(network, known);
  const { prevResult: _ours, ...own } = plugin;
  const conf =
    known.get(plugin) ??
    requestConf({
      network: network.delegate.network,
      plugin: { ...own, type: plugin.type },
      capabilityArgs: network.capabilityArgs,
    });
  known.set(plugin, conf);
  return conf;
}
