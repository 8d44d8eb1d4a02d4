import type { FailedStep } from "../../call/index.ts";
import { handlesWith, withContext } from "../../call/index.ts";
import type { NetworkConf, NetworkPlugin, RequestConf, Result } from "../../cni/index.ts";
import { CniError, code, requestConf, requireVersion } from "../../cni/index.ts";
import type {
  AddContext,
  DelContext,
  Handles,
  Plugin,
  PluginRequest,
  StatusContext,
  Step,
  StepRequest,
  Teardown,
  ValidAttachment,
} from "../../plugins/index.ts";
import { isChained } from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { madeOnce } from "../../schema/index.ts";
import type { NetworkAttachment } from "../networks/network-attachment.ts";
import { describe } from "../networks/network-attachment.ts";

/** One plugin of a network, its configuration read and accepted. */
export interface ChainStep extends Step {
  readonly type: string;
}

/**
 * The steps of a network's ADD, in list order.
 *
 * @throws CniError when a plugin is not there, does not speak the network's version or refuses its configuration;
 *   nothing has been touched
 */
export async function planSteps(network: NetworkAttachment, handles: Handles): Promise<readonly ChainStep[]> {
  const steps: ChainStep[] = [];
  for (const [index, plugin] of network.delegate.network.plugins.entries()) {
    const { type } = plugin;
    try {
      const found = usablePlugin(network, index, handles);
      const step = await found.step(stepRequest(network, plugin), handles);
      steps.push({ type, add: (prevResult, context) => step.add(prevResult, context) });
    } catch (error) {
      throw addContext(error, network, type);
    }
  }
  return steps;
}

/**
 * Runs the steps of one network in order, each with the result of the one before it.
 *
 * @throws CniError of the plugin that failed, naming it, the network and the interface; what was done is in `undo`
 */
export async function addNetwork(
  network: NetworkAttachment,
  steps: readonly ChainStep[],
  { handles, ...more }: Pick<AddContext, "undo" | "withoutEffect" | "claim"> & { readonly handles: Handles },
): Promise<Result> {
  const context: AddContext = handlesWith(handles, more);
  let result: Result | undefined;
  for (const { type, add } of steps) {
    try {
      result = await add(result, context);
    } catch (error) {
      throw addContext(error, network, type);
    }
  }
  return result ?? { interfaces: [], ips: [], routes: [], dns: {} };
}

/** An error of ADD with the plugin it is of. */
export function addContext(error: unknown, network: NetworkAttachment, type: string): CniError {
  return withContext(error, `Cannot add ${describe(network)} with plugin "${type}"`);
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

/**
 * Asks every plugin in list order whether an ADD could work; the first error ends it and passes unchanged, its code
 * says how bad it is.
 */
export async function statusOfNetwork(network: NetworkAttachment, context: StatusContext): Promise<void> {
  for (const [index, plugin] of network.delegate.network.plugins.entries())
    await usablePlugin(network, index, context).status(request(network, plugin, undefined), context);
}

/**
 * @throws CniError 112 when it is not there, 1 when it does not speak the network's version, 7 when it needs one before
 *   it and is the first, or makes the interface that one before it has made
 */
function usablePlugin({ delegate: { network } }: NetworkAttachment, index: number, handles: Handles): Plugin {
  const type = network.plugins[index]?.type ?? "";
  const plugin = handles.plugin(type);
  requireVersion("ADD", network.cniVersion, plugin.versions);
  const isChainedHere = isChained(plugin, network.plugins[index] ?? {});
  const maker = plugin.makesInterface === true && !isChainedHere
    ? network.plugins.slice(0, index).find((before) => handles.plugin(before.type).makesInterface === true)
    : undefined;
  if (maker !== undefined) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use plugin "${type}" behind plugin "${maker.type}" in network "${network.name}": each makes the ` +
        "interface that the runtime has named, expected one of them",
    );
  }
  if (index > 0 || !isChainedHere) return plugin;
  throw new CniError(
    code.invalidConfig,
    `Cannot use plugin "${type}" first in network "${network.name}": it works on what a plugin before it has made, ` +
      "expected it behind one that makes the interface",
  );
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
  return { ...stepRequest(network, plugin), prevResult };
}

function stepRequest(network: NetworkAttachment, plugin: NetworkPlugin): StepRequest {
  const { capabilityArgs, delegate } = network;
  return {
    attachment: network,
    trusted: delegate.trusted,
    conf: Object.keys(capabilityArgs).length === 0
      ? withoutArguments(delegate.network)[delegate.network.plugins.indexOf(plugin)] ?? confOf(delegate.network, plugin)
      : confOf(delegate.network, plugin, capabilityArgs),
  };
}

/** Of each plugin of a network, what it reads where the runtime has nothing to add. */
const withoutArguments = madeOnce((network: NetworkConf) =>
  network.plugins.map((plugin) => confOf(network, plugin)));

function confOf(network: NetworkConf, plugin: NetworkPlugin, capabilityArgs: JsonObject = {}): RequestConf {
  const { prevResult: _ours, ...own } = plugin;
  return requestConf({ network, plugin: { ...own, type: plugin.type }, capabilityArgs });
}
