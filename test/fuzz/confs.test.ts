// Configurations and results, as runtimes and other plugins hand them over.
import { isIP } from "node:net";
import { suite } from "uvu";
import {
  allVersions, code, parseNetworkList, parseNetworkPlugin, parsePluginRequest, parsePrevResult, parseResult,
  parseSinglePlugin, toWireResult,
} from "../../src/cni/index.ts";
import { parseMuxConf } from "../../src/mux/index.ts";
import { parseDelegate } from "../../src/mux/networks/delegate.ts";
import { isIdentifier } from "../../src/net/index.ts";
import type { JsonObject } from "../../src/schema/index.ts";
import { isJsonObject } from "../../src/schema/index.ts";
import type { JsonInput } from "./frame.ts";
import { fuzz, jsonInputs, wrongRefusal, wrongRefusalOfKey } from "./frame.ts";
import { dropped, forbidden, multiplexerConfs, networkLists, oldResult, pluginConfs, result } from "./seeds.ts";

/** A text that is no JSON was refused before. */
const objectOf = ({ text }: JsonInput): JsonObject => {
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
};

const requests = suite("a configuration on stdin");
const attachments = [{ containerID: "pod-1", ifname: "eth0" }];
const asked = pluginConfs().flatMap((conf) => [
  conf, { ...conf, prevResult: result }, { ...conf, "cni.dev/valid-attachments": attachments },
  { ...conf, "cni.dev/attachments": attachments },
]);
requests("is a request with a name, or refused", () => fuzz({
  ...jsonInputs(asked), title: "configuration on stdin",
  accept(input) {
    const { conf, prevResult, validAttachments } = parsePluginRequest(input.text);
    if (!isIdentifier(conf.name)) return `has the name ${JSON.stringify(conf.name)}`;
    if (typeof conf.cniVersion !== "string" || conf.cniVersion === "") return "has no version";
    if (typeof conf.type !== "string") return "has no type";
    if (prevResult !== undefined && !isJsonObject(prevResult)) return "has a result that is no object";
    const isNamed = validAttachments?.every(({ containerID, ifname }) =>
      typeof containerID === "string" && typeof ifname === "string");
    if (isNamed === false) return `has attachments ${JSON.stringify(validAttachments)}`;
    const own = Object.entries(objectOf(input)).filter(([key]) => !/^(prevResult$|cni\.dev\/)/i.test(key));
    const inSpelling = own.map(([key, value]) => [/^(name|type|cniversion)$/i.test(key) ? "name" : key, value]);
    return dropped(Object.fromEntries(inSpelling), conf);
  },
  refuse: (error, input) => wrongRefusalOfKey(error, input, {
    codes: [code.decodingFailure, code.invalidConfig], names: /stdin|the network's name|network/,
  }),
}));
requests.run();

const networks = suite("a network's configuration");
networks("is a list of plugins with types, or refused", () => fuzz({
  ...jsonInputs(networkLists()), title: "network list",
  accept(input) {
    const { name, cniVersion, plugins } = parseNetworkList(objectOf(input), "x.conflist");
    if (typeof name !== "string" || typeof cniVersion !== "string") return "has no name or version";
    const untyped = plugins.find(({ type }) => typeof type !== "string" || type === "" || type.includes("/"));
    if (untyped !== undefined) return `has a plugin of type ${JSON.stringify(untyped["type"])}`;
    return plugins.map((plugin, index) => {
      const { plugins: written = [] } = objectOf(input), before: unknown = Array.isArray(written) ? written[index] : {};
      return dropped(Object.fromEntries(Object.entries(Object(before)).filter(([key]) => !/^type$/i.test(key))),
        plugin);
    }).find((problem) => problem !== undefined);
  },
  refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusalOfKey(error, input,
      { codes: [code.decodingFailure, code.invalidConfig], names: /x\.conflist|cniVersion/ })),
}));
networks("is a plugin with a name, or refused", () => fuzz({
  ...jsonInputs(pluginConfs()), title: "single plugin",
  accept(input) {
    const { name, plugins: [plugin] } = parseSinglePlugin(objectOf(input), "x.conf");
    parseNetworkPlugin(objectOf(input), "x.conf");
    return typeof name === "string" && name !== "" && typeof plugin?.type === "string"
      ? undefined : "has no name or type";
  },
  refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusalOfKey(error, input, { codes: [code.invalidConfig], names: /x\.conf/ })),
}));
networks("is a delegate that no multiplexer is in, or refused", () => fuzz({
  ...jsonInputs([...networkLists().filter((list) => !JSON.stringify(list).includes('"polynic"')), ...pluginConfs()]),
  title: "delegate",
  accept(input) {
    const { network, confText } = parseDelegate(objectOf(input), { subject: "delegates[0]", defaultVersion: "1.1.0" });
    if (!isIdentifier(network.name)) return `has the name ${JSON.stringify(network.name)}`;
    if (network.plugins.some(({ type }) => /^(polynic|multus)$/.test(type))) return "runs a multiplexer";
    return isJsonObject(JSON.parse(confText)) ? undefined : "keeps a text that is no configuration";
  },
  refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusal(error,
      { codes: [code.decodingFailure, code.invalidConfig], names: /delegates\[0\]|name|cniVersion/ })),
}));
for (const verb of ["ADD", "DEL"]) networks(`is the multiplexer's own for ${verb}, or refused`, () => fuzz({
  ...jsonInputs(multiplexerConfs()), title: `multiplexer's configuration, ${verb}`,
  accept(input) {
    const raw = objectOf(input),
      { cniVersion, delegates, log, cluster } = parseMuxConf(raw, { invokedAs: "polynic", verb });
    if (typeof cniVersion !== "string" || !delegates.every((one) => isJsonObject(one)))
      return "has no version or delegates";
    const isText = [log.file, log.level, cluster.kubeconfig, cluster.multusNamespace].every((one) =>
      typeof one === "string");
    if (!isText) return "has a text that is none";
    const canonical = Object.keys(raw).every((key) => key === "type" || !/[A-Z]{3}/.test(key));
    // What counts is the last spelling of a key, which the schema does not know: as it is written here it must fit.
    return verb === "ADD" && canonical && onlyKnown(raw) ? forbidden("multiplexer", withoutNull(raw)) : undefined;
  },
  refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusalOfKey(error, input, { codes: [code.invalidConfig], names: /network|delegates/ })),
}));
networks.run();

/** No key twice in two spellings. */
function onlyKnown(raw: JsonObject): boolean {
  const keys = JSON.stringify(raw).match(/"[^"]*":/g) ?? [];
  return new Set(keys.map((key) => key.toLowerCase())).size === new Set(keys).size;
}

function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null)
    .map(([key, each]) => [key, withoutNull(each)]));
}

const results = suite("a result");
const spoken = allVersions.map((cniVersion) => ({ ...(cniVersion < "0.3.0" ? oldResult : result), cniVersion }));
results("is one of its version that can be printed in its version, or refused", () => fuzz({
  ...jsonInputs(spoken), title: "result",
  accept({ text }) {
    const json: unknown = JSON.parse(text), parsed = parseResult(json, "1.1.0", "the result of plugin \"x\"");
    const { ips, routes, interfaces } = parsed;
    const wrong = [...ips.map(({ address }) => address), ...routes.map(({ dst }) => dst)].find((one) => !isCidr(one));
    if (wrong !== undefined) return `holds the prefix ${JSON.stringify(wrong)}`;
    if (interfaces.some(({ name }) => typeof name !== "string")) return "has an interface without a name";
    const again = parseResult(JSON.parse(JSON.stringify(toWireResult(parsed, "1.1.0"))), "1.1.0");
    return JSON.stringify(toWireResult(again, "1.1.0")) === JSON.stringify(toWireResult(parsed, "1.1.0"))
      ? undefined : "is another one once it was printed and read";
  },
  refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusal(error, { codes: [code.incompatibleVersion, code.decodingFailure], names: /result/ })),
}));
results("that came before is of the configuration's family, or refused", () => fuzz({
  ...jsonInputs(spoken), title: "prevResult",
  accept({ text }) {
    const json: unknown = JSON.parse(text), { cniVersion } = Object(json) as { readonly cniVersion?: unknown };
    parsePrevResult(json, typeof cniVersion === "string" ? cniVersion : "");
    return undefined;
  },
  refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusal(error, { codes: [code.incompatibleVersion, code.decodingFailure], names: /result/i })),
}));
results.run();

/** By Node's own reader of addresses. */
function isCidr(text: string): boolean {
  const [address = "", bits = "", ...more] = text.split("/"), family = isIP(address);
  return more.length === 0 && family !== 0 && /^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}
