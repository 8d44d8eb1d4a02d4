// Whole calls: the environment, and what plugins make of their configurations before they touch anything.
import { mkdirSync, writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OpenHandles } from "../../src/call/index.ts";
import { openHandles } from "../../src/call/index.ts";
import {
  CniError, code, parseArgBoolean, parseArgPairs, parseArgs, parseEnvironment, parseResult, requireCommand,
  splitArgPairs,
} from "../../src/cni/index.ts";
import { isIdentifier, isInterfaceName } from "../../src/net/index.ts";
import type { PluginConf } from "../../src/plugins/index.ts";
import { builtIn } from "../../src/plugins/index.ts";
import type { JsonObject } from "../../src/schema/index.ts";
import { isJsonObject } from "../../src/schema/index.ts";
import { serve } from "../../src/service/index.ts";
import { ipJson, kernelSuite, makeNetns, run } from "../helpers/netns.ts";
import type { Random } from "../helpers/random.ts";
import { builtModules } from "../helpers/wasm.ts";
import { fuzz, jsonInputs, textInputs, wrongRefusal, wrongRefusalOfKey } from "./frame.ts";
import { changedJson, changedText } from "./mutation.ts";
import { multiplexerConfs, pluginConfs, result } from "./seeds.ts";

const variables = {
  CNI_COMMAND: "ADD", CNI_CONTAINERID: "pod-1", CNI_NETNS: "/run/netns/missing", CNI_IFNAME: "eth0",
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web;IP=10.1.2.3",
  CNI_PATH: "/opt/cni/bin:/usr/lib/cni",
};
const verbs = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"];

const environment = suite("the environment of a call");
environment("is one with well-formed names, or refused", () => fuzz({
  ...jsonInputs(verbs.map((CNI_COMMAND) => ({ ...variables, CNI_COMMAND }))), title: "environment",
  accept({ text }) {
    const env = textsIn(JSON.parse(text)), read = parseEnvironment(env), verb = requireCommand(read.command);
    if (verb === "VERSION" || verb === "STATUS" || verb === "GC") return undefined;
    if (!isIdentifier(read.containerId)) return `has the container id ${JSON.stringify(read.containerId)}`;
    if (!isInterfaceName(read.ifName)) return `has the interface name ${JSON.stringify(read.ifName)}`;
    if (read.path.length === 0 || read.path.includes(""))
      return read.path.length === 0 && env["CNI_PATH"]?.includes(":")
      ? undefined : `has the path ${JSON.stringify(read.path)}`;
    return verb !== "DEL" && read.netns === "" ? "has no namespace" : undefined;
  },
  refuse: (error, { paths }) => paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusal(error, { codes: [code.invalidEnvironment], names: /CNI_/ })),
}));
environment("has arguments that are pairs, or is refused", () => fuzz({
  ...textInputs([variables.CNI_ARGS, "", "IP=10.1.2.3", "IgnoreUnknown=true;MAC=02:00:00:00:00:01;GATEWAY=10.1.2.1",
    "IgnoreUnknown=0;IP=10.1.2.3;IP=10.1.2.4"]),
  title: "CNI_ARGS",
  accept(text) {
    splitArgPairs(text);
    const pairs = parseArgPairs(text), values = parseArgs(text, ["IP", "MAC", "GATEWAY"]);
    if (pairs.map((pair) => pair.join("=")).join(";") !== text) return `is read as ${JSON.stringify(pairs)}`;
    const strange = pairs.find(([key]) => !["IP", "MAC", "GATEWAY", "IgnoreUnknown"].includes(key));
    const isIgnoring = pairs.some(([key, value]) => key === "IgnoreUnknown" && parseArgBoolean(value));
    if (strange !== undefined && !isIgnoring) return `has ${JSON.stringify(strange)}, which nobody knows`;
    return pairs.every(([key]) => key !== "IP") || values.IP !== undefined ? undefined : "loses its IP";
  },
  refuse: (error) => wrongRefusal(error, { codes: [code.invalidEnvironment], names: /CNI_ARGS/ }),
}));
environment.run();

function textsIn(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(Object(value)).filter((entry): entry is [string, string] =>
    typeof entry[1] === "string");
  return Object.fromEntries(entries.map(([key, text]) => [key, text.replace(/\0.*$/s, "")]));
}

const silent = { error() {}, warn() {}, verbose() {}, debug() {} };

const plans = kernelSuite("a plugin's configuration", import.meta.url);
let handles: OpenHandles | undefined;
plans.before(() => {
  const { path: netns } = makeNetns("pod");
  // What the examples name.
  run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0");
  run("ip", "addr", "add", "192.0.2.11/24", "dev", "up0");
  for (const name of ["up0", "far0"]) run("ip", "link", "set", name, "up");
  run("ip", "route", "add", "default", "via", "192.0.2.1");
  mkdirSync("/run/flannel");
  writeFileSync("/run/flannel/subnet.env",
    "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n");
  handles = openHandles({ netns, path: [], execute: [], modules: builtModules, log: silent,
    surroundings: { env: process.env, tell: () => {} } });
});
plans.after(() => handles?.close());
for (const type of builtIn.keys()) {
  const confs = pluginConfs().filter((conf) => conf["type"] === type && !JSON.stringify(conf).includes('"kubeconfig"'));
  if (confs.length > 0) plans(`of type ${type} is read or refused, and nothing is touched`, () => fuzz({
    ...jsonInputs(confs), title: `plan of ${type}`, weight: 0.5,
    async accept({ text }) {
      assert.ok(handles);
      const attachment = { containerId: "pod-1", netns: "/run/netns/pod", ifName: "eth0", args: "", path: [] };
      // What makes it a request is looked at before.
      const conf: PluginConf = { ...objectIn(text), cniVersion: "1.1.0", name: "blue", type };
      const step = await builtIn.get(type)?.step({ attachment, conf, trusted: true }, handles);
      return typeof step?.add === "function" ? undefined : "has no step";
    },
    refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
      wrongRefusalOfKey(error, input, { names: /^Cannot / })),
  }));
}
plans("have left the host as it was", () => assert.equal(ipJson("link show").map(({ ifname }) => ifname).toSorted(),
  ["far0", "lo", "up0"]));
plans.run();

function objectIn(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
}

interface WholeCall {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** Nothing else can be written. */
const writable = "/var/lib/cni";

const calls = kernelSuite("a whole call", import.meta.url);
calls.before(() => {
  run("mount", "-o", "remount,bind,ro", "/");
  run("mount", "-t", "tmpfs", "tmpfs", writable);
  process.chdir(writable);
});
calls("is answered with a result or an error of a code, and the call after it as well", () => fuzz<WholeCall>({
  title: "whole call", weight: 0.5,
  seeds: [
    ...pluginConfs().flatMap((conf) =>
      ["STATUS", "VERSION", "DEL"].map((verb) => call(String(conf["type"]), verb, conf))),
    ...multiplexerConfs().slice(0, 3).map((conf) => call("polynic", "VERSION", conf)),
  ].filter(({ name, env }) => env["CNI_COMMAND"] === "VERSION" && (builtIn.has(name) || name === "polynic")),
  change: changedCall,
  show: (input) => JSON.stringify(input),
  async accept({ name, env, stdin }) {
    const { status, stdout } = await serve({ name, env, stdin }, { tell: () => {} });
    const json: unknown = stdout === "" ? undefined : JSON.parse(stdout);
    if (status === 0) return wrongAnswer(env["CNI_COMMAND"] ?? "", json);
    const { code: number, msg, cniVersion } = isJsonObject(json) ? json : {};
    if (typeof number !== "number" || typeof msg !== "string" || typeof cniVersion !== "string")
      return `ends without an error: ${stdout}`;
    throw new CniError(number, msg, { details: String(Object(json).details ?? "") });
  },
  refuse: (error) => wrongRefusal(error, { names: /^(Cannot|unknown CNI_COMMAND)/ }),
}));
calls.run();

function call(name: string, verb: string, conf: object): WholeCall {
  return { name, env: { ...variables, CNI_COMMAND: verb }, stdin: JSON.stringify(conf) };
}

function changedCall({ name, env, stdin }: WholeCall, random: Random): WholeCall {
  const verb = { ...env,
    CNI_COMMAND: random.pick(["ADD", "DEL", "DEL", "CHECK", "GC", "STATUS", "STATUS", "VERSION"]) };
  const changedEnv = random.once(4) ? textsIn(changedJson(verb, random).value) : verb;
  const conf = random.once(4) ? { ...JSON.parse(stdin), prevResult: result } : JSON.parse(stdin);
  const text = random.once(8) ? changedText(stdin, random) : JSON.stringify(changedJson(conf, random, [conf]).value);
  return { name, env: changedEnv, stdin: text };
}

function wrongAnswer(verb: string, json: unknown): string | undefined {
  if (verb === "VERSION")
    return isJsonObject(json) && Array.isArray(json["supportedVersions"]) ? undefined : "no versions";
  if (verb !== "ADD") return json === undefined ? undefined : `says something: ${JSON.stringify(json).slice(0, 80)}`;
  parseResult(json, "");
  return undefined;
}
