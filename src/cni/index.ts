/**
 * The CNI specification as values: environment, configurations, requests, results in every version, versions, errors.
 * Untrusted JSON becomes typed values here and nowhere else: through `readConf`, which knows the schemas.
 */
export { formatArgPairs, parseArgBoolean, parseArgPairs, parseArgs, splitArgPairs } from "./args.ts";
export { confSchema, readConf } from "./conf.ts";
export type { ConfParts, ConfSchema, Confs } from "./conf.ts";
export {
  parseEnvironment, requireCommand, requireContainerId, requireInterfaceName, requireNetworkName,
} from "./environment.ts";
export type { Command, Environment } from "./environment.ts";
export { CniError, code, messageOf, printError, printable } from "./errors.ts";
export { exactJson, isTooDeep, jsonDepthMax, parseJson, parseJsonObject } from "./json.ts";
export {
  enabledArgs, finishNetwork, parseNetworkList, parseNetworkPlugin, parseSinglePlugin, requestConf,
} from "./network-conf.ts";
export type { NetworkConf, NetworkPlugin, RequestConf } from "./network-conf.ts";
export { parsePluginRequest, prevResultOf } from "./plugin-request.ts";
export type { PluginRequestInput } from "./plugin-request.ts";
export type { Dns, Interface, IpConfig, Result, Route } from "./result/result.ts";
export { parsePrevResult, parseResult, resultFamily } from "./result/parsing.ts";
export { printResult, toWireResult } from "./result/printing.ts";
export type { WireResult } from "./result/printing.ts";
export {
  allVersions, chooseVersion, compareVersions, impliedVersion, knowsVerb, newestVersion, printAbout, printVersions,
  requireVersion, versionsFrom,
} from "./version.ts";
