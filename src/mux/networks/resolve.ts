import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { toCniError } from "../../call/index.ts";
import { CniError, code } from "../../cni/index.ts";
import { isIdentifier } from "../../net/index.ts";
import { madeOnce } from "../../schema/index.ts";
import type { MuxConf } from "../conf.ts";
import type { Delegate } from "./delegate.ts";
import { parseDelegate } from "./delegate.ts";
import { withName } from "./naming.ts";
import { findByName, firstFileIn, folderPlugins, readNetworkFile } from "./network-files.ts";

/** Looks a network up that is named without a "/" where a cluster keeps them; throws when it is not to be had there. */
export type FindInCluster = (name: string) => Promise<Delegate>;

/**
 * The networks of a configuration in order, the default one first: those written inside it, or `clusterNetwork` and
 * `defaultNetworks`, looked up in the cluster if there is one and in files. The order names their interfaces.
 *
 * @throws CniError 7 for a configuration that is refused or not there, 5 and 6 for a file that cannot be read
 */
export async function configuredDelegates(conf: MuxConf, find?: FindInCluster): Promise<readonly Delegate[]> {
  const delegates = [...inlineDelegates(conf)];
  const references = conf.clusterNetwork === "" ? [] : [conf.clusterNetwork, ...conf.defaultNetworks];
  // One after the other: networks of one resource take its devices in this order.
  for (const reference of references) delegates.push(await resolveReference(reference, conf, find));
  const named = new Map(Object.entries(conf.interfaceNames));
  return delegates.map((delegate) => withName(delegate, named.get(delegate.displayName)));
}

const inlineDelegates = madeOnce(({ name, cniVersion: defaultVersion, delegates }: MuxConf) =>
  delegates.map((json, index) =>
    parseDelegate(json, { subject: `delegates[${index}] of network "${name}"`, defaultVersion, trusted: true })));

/** The same with the auxiliary chain at their end: the networks of a container that is no pod. */
export async function resolveDelegates(conf: MuxConf, find?: FindInCluster): Promise<readonly Delegate[]> {
  return [...await configuredDelegates(conf, find), ...auxiliaryChain(conf)];
}

/** Whether a cluster may know it; everything else is a path. */
export function isReferenceByName(reference: string): boolean {
  return reference !== "" && !reference.includes("/");
}

/** A name is looked for in the cluster and in confDir; anything with a "/" is a directory or a file. */
async function resolveReference(
  reference: string,
  conf: MuxConf,
  find: FindInCluster | undefined,
): Promise<Delegate> {
  if (isReferenceByName(reference))
    return find === undefined ? findByName(reference, conf) : await findAnywhere(reference, conf, find);
  if (statSync(reference, { throwIfNoEntry: false })?.isDirectory())
    return readNetworkFile(firstFileIn(reference), conf);
  return readNetworkFile(reference, conf);
}

/** Whatever keeps the cluster from answering, a file of the node will do. */
async function findAnywhere(name: string, conf: MuxConf, find: FindInCluster): Promise<Delegate> {
  try {
    return await find(name);
  } catch (inCluster) {
    try {
      return findByName(name, conf);
    } catch (inFiles) {
      const { code: number, message } = toCniError(inCluster);
      throw new CniError(number, `${toCniError(inFiles).message}; in the cluster: ${message}`, { cause: inCluster });
    }
  }
}

/**
 * With `auxiliaryCNIChainName`, a last network whose plugins are the files of that folder beside the cluster network's
 * file.
 */
export function auxiliaryChain(conf: MuxConf): readonly Delegate[] {
  const name = conf.auxiliaryCNIChainName;
  if (name === "") return [];
  if (!conf.clusterNetwork.includes("/")) {
    throw new CniError(
      code.invalidConfig,
      `Cannot find the chain auxiliaryCNIChainName "${name}": clusterNetwork is "${conf.clusterNetwork}", expected ` +
        "a path, whose directory the chain's folder is in",
    );
  }
  if (!isIdentifier(name))
    throw new CniError(code.invalidConfig, `Cannot use auxiliaryCNIChainName "${name}": expected a network's name`);
  const directory = statSync(conf.clusterNetwork, { throwIfNoEntry: false })?.isDirectory()
    ? conf.clusterNetwork
    : dirname(conf.clusterNetwork);
  const plugins = folderPlugins(join(directory, name));
  if (plugins.length === 0) return [];
  const json = { cniVersion: conf.cniVersion, name, plugins: [{ type: "passthru" }, ...plugins] };
  return [
    {
      ...parseDelegate(json, {
        subject: join(directory, name),
        defaultVersion: conf.cniVersion,
        fromFile: true,
        trusted: true,
      }),
      auxiliary: true,
    },
  ];
}
