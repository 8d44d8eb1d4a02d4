// What a cluster says of a pod's networks: annotations, NetworkAttachmentDefinitions, pods, events of a watch.
import { suite } from "uvu";
import { code } from "../../src/cni/index.ts";
import { parsePod, told } from "../../src/kube/objects/pod.ts";
import { parseWatchEvent } from "../../src/kube/watch/event.ts";
import type { NetworkSelection } from "../../src/nad/index.ts";
import { parseDefinition, parseSelections, readSelections } from "../../src/nad/index.ts";
import { interfaceNameProblem, isAddress } from "../../src/net/index.ts";
import type { JsonObject } from "../../src/schema/index.ts";
import { isJsonObject } from "../../src/schema/index.ts";
import type { Random } from "../helpers/random.ts";
import type { JsonInput } from "./frame.ts";
import { fuzz, jsonInputs, textInputs, wrongRefusal } from "./frame.ts";
import { changedJson, changedText } from "./mutation.ts";
import { networkLists, pluginConfs } from "./seeds.ts";

const full = {
  name: "storage", namespace: "blue", interface: "net1", ips: ["10.1.2.3/24", "fd00::3"], mac: "02:00:00:00:00:01",
  "infiniband-guid": "02:00:00:00:00:00:00:01", portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp",
    hostIP: "10.0.0.1" }], bandwidth: { ingressRate: 1000000, ingressBurst: 8000, egressRate: 1, egressBurst: 1 },
  deviceID: "0000:00:1f.6", "cni-args": { a: { b: [1] } }, "default-route": ["10.1.2.1", "fd00::1"],
};
const asked: readonly unknown[] = [
  [full], [{ name: "a" }, { name: "b", interface: "lan0" }], [{ name: "a", "default-route": [] }],
  [{ name: "a", "ipam-claim-reference": "claim" }], [{ name: "a", interfaceRequest: "net5" }],
];

const annotations = suite("a pod's annotation");
for (const strict of [true, false]) {
  const context = { namespace: "red", strict, subject: 'annotation of pod "red/web"' };
  const refuse = (error: unknown): string | undefined =>
    wrongRefusal(error, { codes: [code.decodingFailure, code.invalidConfig], names: /annotation of pod "red\/web": / });
  annotations(`in JSON gives networks that can be looked up, or is refused${strict ? "" : " less strictly"}`, () =>
    fuzz({
    ...jsonInputs(asked), title: `networks annotation${strict ? "" : ", not strict"}`, weight: 2,
    accept: (input) => wrongReading(input.text, parseSelections(input.text, context), strict),
    refuse(error, input) {
      const wrong = refuse(error) ?? wrongProblems(input.text, context);
      return wrong ?? (input.paths?.length === 1 ? unnamed(error, input) : undefined);
    },
  }));
  annotations(`with commas gives networks that can be looked up, or is refused${strict ? "" : " less strictly"}`, () =>
    fuzz({
      ...textInputs(["storage", "blue/storage@net1, lan", "a,b,c", "blue/a,red/b@x"]),
      title: `comma form${strict ? "" : ", not strict"}`,
      accept: (text) => wrongReading(text, parseSelections(text, context), strict),
      refuse: (error, text) => refuse(error) ?? wrongProblems(text, context),
    }));
}
annotations.run();

function wrongReading(text: string, found: readonly NetworkSelection[], strict: boolean): string | undefined {
  const written: unknown = /[[{"]/.test(text) ? JSON.parse(text) : text === "" ? [] : text.split(",");
  const count = Array.isArray(written) ? written.length : -1;
  if (found.length !== count) return `gives ${found.length} networks of ${count} elements`;
  return found.map((one) => wrongSelection(one, strict)).find((problem) => problem !== undefined);
}

function wrongSelection(selection: NetworkSelection, strict: boolean): string | undefined {
  const { name, namespace, ifName, ips, mac, portMappings = [], defaultRoute = [] } = selection;
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) return `has the name ${JSON.stringify(name)}`;
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) return `has the namespace ${JSON.stringify(namespace)}`;
  if (ifName !== undefined && interfaceNameProblem(ifName) !== undefined)
    return `has the interface ${JSON.stringify(ifName)}`;
  if (ips?.length === 0 || !(ips ?? []).every((ip) => isAddress(ip.replace(/\/\d+$/, ""))))
    return `has ips ${String(ips)}`;
  if (!defaultRoute.every(isAddress)) return `has default-route ${String(defaultRoute)}`;
  if (mac !== undefined && !/^[0-9a-f]{2}([:.-]?[0-9a-f]{2})+$/i.test(mac)) return `has mac ${mac}`;
  const port = portMappings.find(({ hostPort, containerPort }) => ![hostPort, containerPort].every((one) =>
    strict ? Number(one) >= 1 && Number(one) <= 65535 : one === undefined || Number.isSafeInteger(one)));
  return port === undefined ? undefined : `has a port ${JSON.stringify(port)}`;
}

/** Everything that is wrong, told at once: at least what the first refusal says. */
function wrongProblems(
  text: string, context: { readonly namespace: string; readonly strict: boolean },
): string | undefined {
  const { problems, selections, indexes } = readSelections(text, context);
  if (problems.length === 0) return "is refused, and has no problem";
  return selections.length === indexes.length ? undefined : "gives selections of no element";
}

/** The element that was changed is named by its number, where it still is one. */
function unnamed(error: unknown, { paths: [path = []] = [] }: JsonInput): string | undefined {
  const [index, key] = path, message = error instanceof Error ? error.message : "";
  if (typeof index !== "number" || typeof key !== "string") return undefined;
  const isTold = message.includes(`element ${index + 1}`) && message.toLowerCase().includes(key.toLowerCase());
  return isTold || /elements|default-route|JSON/.test(message) ? undefined
    : `is refused without a word of ${path.join(".")}: ${message.slice(0, 200)}`;
}

const metadata = { name: "storage", namespace: "blue", annotations: { "k8s.v1.cni.cncf.io/resourceName": "a.b/c" } };
const definition = (config: unknown): JsonObject => ({ apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition", metadata, spec: { config: JSON.stringify(config) } });

const definitions = suite("a NetworkAttachmentDefinition");
definitions("gives a configuration with a name, or is refused", () => fuzz({
  ...jsonInputs([...networkLists(), ...pluginConfs()].map(definition)), title: "NetworkAttachmentDefinition",
  change: changedDefinition,
  accept({ text }) {
    const { namespace, name, config, displayName } = parseDefinition(objectIn(text));
    if (displayName !== `${namespace}/${name}` || name === "" || namespace === "") return "has no name";
    if (config === undefined) return undefined;
    const named = Object.entries(config).some(([key, value]) => key.toLowerCase() === "name" && value !== ""
      && value !== null);
    return named ? undefined : "has a configuration without a name";
  },
  refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusal(error, { codes: [code.decodingFailure, code.invalidConfig], names: /NetworkAttachmentDefinition/ })),
}));
definitions.run();

/** Of the object, or of what is a text in it. */
function changedDefinition({ text }: JsonInput, random: Random): JsonInput {
  const { value, paths } = changedJson(JSON.parse(text), random), object = objectIn(text), { spec } = object;
  const config = isJsonObject(spec) ? String(spec["config"]) : "";
  if (random.once(3)) return { text: JSON.stringify(value), paths };
  const inner = random.once(2)
    ? changedText(config, random) : JSON.stringify(changedJson(JSON.parse(config), random).value);
  return { text: JSON.stringify({ ...object, spec: { config: inner } }), paths: [["spec", "config"]] };
}

function objectIn(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
}

const pod = { metadata: { name: "web", namespace: "blue", uid: "u-1", resourceVersion: "5", managedFields: [{ a: 1 }],
  annotations: { "k8s.v1.cni.cncf.io/networks": "storage", "kubernetes.io/config.source": "file" } },
  spec: { a: [1] } };

const objects = suite("an object of the API");
objects("is the pod that was asked for, or refused", () => fuzz({
  ...jsonInputs([pod, { metadata: { ...pod.metadata, annotations: null } }]), title: "pod",
  accept({ text }) {
    const { uid, annotations } = parsePod(objectIn(text), { namespace: "blue", name: "web" });
    if (typeof uid !== "string" || uid === "") return "has no uid";
    return Object.values(annotations).every((one) => typeof one === "string")
      ? undefined : "has an annotation that is none";
  },
  refuse: (error, input) => input.paths === undefined && error instanceof SyntaxError ? undefined : (
    wrongRefusal(error, { codes: [code.cluster], names: new RegExp(told({ namespace: "blue", name: "web" })) })),
}));
objects("is an event of a watch, or why it is none", () => fuzz({
  ...jsonInputs([{ type: "ADDED", object: pod }, { type: "DELETED", object: pod }, { type: "MODIFIED", object: pod },
    { type: "BOOKMARK", object: { metadata: { resourceVersion: "6" } } }]),
  title: "event of a watch",
  accept({ text }) {
    const event = parseWatchEvent(text);
    if (event.kind === "failed") throw new TypeError(event.problem);
    if (event.kind === "there" && !isJsonObject(JSON.parse(event.text))) return "has no object";
    return event.kind === "expired" || event.version !== "" ? undefined : "has no version";
  },
  // What is no event is told as one that says so.
  refuse: (error) => error instanceof TypeError && /^(it|an) /.test(error.message) ? undefined : String(error),
}));
objects.run();
