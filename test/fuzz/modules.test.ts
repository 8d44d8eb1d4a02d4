// What WASM modules say, of themselves and in answers, and their code: no module is trusted.
import { suite } from "uvu";
import { toCniError } from "../../src/call/index.ts";
import { CniError, code } from "../../src/cni/index.ts";
import type { OfferedRange } from "../../src/ipam/index.ts";
import type { Span } from "../../src/net/index.ts";
import { AddressList, compareAddresses, formatAddress, parseAddress, takenView } from "../../src/net/index.ts";
import type { MergeInput } from "../../src/wasm/index.ts";
import {
  checkAllocation, checkMerge, checkRelease, checkReview, MetadataError, meterModule, parseMetadata, readAnswer,
  verifyModule,
} from "../../src/wasm/index.ts";
import { exampleModule } from "../helpers/modules.ts";
import { assemble } from "../helpers/wasm.ts";
import type { JsonInput } from "./frame.ts";
import { byteInputs, fuzz, jsonInputs, wrongRefusal } from "./frame.ts";
import { result as wireResult } from "./seeds.ts";

const { cniVersion: _, ...result } = wireResult;
const attachment = { containerId: "pod-1", ifName: "eth0", network: "blue", mac: null };
const taken = ["10.0.0.1", "10.0.0.4"];

function range(set: number, first: string, last: string): OfferedRange {
  const span: Span = { first: parseAddress(first), last: parseAddress(last) }, list = new AddressList(1);
  for (const text of taken) list.addAddress(parseAddress(text));
  return { set, ...span, gateway: span.first, prefixBits: 24, subnet: "10.0.0.0/24", view: takenView(span, list) };
}

const request = {
  attempt: 0, attachment, config: {}, mine: [parseAddress("10.0.0.4")], requested: [],
  ranges: [range(0, "10.0.0.1", "10.0.0.9"), range(1, "10.0.1.1", "10.0.1.9")],
};
const ips = [{ range: 0, address: "10.0.0.2" }, { range: 1, address: "10.0.1.2" }];

/** Shape, decision, or the module's own error. */
const refusedByShape = (error: unknown): string | undefined => {
  const { code: number } = toCniError(error);
  const isOwn = number === 4 || number === 7 || number === 11 || (number >= 100 && number <= 139);
  return isOwn ? undefined
    : wrongRefusal(error, { codes: [code.moduleAnswer, code.moduleDecision], names: /module "sticky"/ });
};

interface Answers {
  readonly title: string;
  readonly seeds: readonly unknown[];
  wrong(text: string): string | undefined;
}

const answers = suite("an answer of a module");
const inputs: readonly MergeInput[] = [
  { network: "blue", ifName: "eth0", default: true, routesClaimed: null, result },
  { network: "red", ifName: "net1", default: false, routesClaimed: ["10.9.9.1"], result: { ...result, interfaces: [],
    ips: [{ address: "10.9.9.2/24" }], routes: [], dns: {} } },
];
const review = { attachment, config: {}, prevResult: result };
const kinds: readonly Answers[] = [
  {
    title: "allocation", seeds: [{ ips }, { ips, routes: [{ dst: "10.9.0.0/16", gw: "10.0.0.1", mtu: 1400 }],
      dns: { nameservers: ["10.0.0.1"], search: ["a"], domain: "b", options: ["c"] }, log: ["hello"] }],
    wrong(text) {
      const { ips: found } = checkAllocation("sticky", readAnswer("sticky", text), request);
      const wrong = found.find(({ range: index, address }) => {
        const { first, last } = request.ranges[index] ?? { first: address, last: parseAddress("0.0.0.0") };
        return compareAddresses(address, first) <= 0 || compareAddresses(address, last) > 0
          || taken.includes(formatAddress(address));
      });
      return wrong === undefined && found.length === 2 ? undefined : `gives ${JSON.stringify(found)}`;
    },
  },
  {
    title: "release", seeds: [{}, { hold: [{ address: "10.0.0.4", seconds: 60 }], log: [] }],
    wrong(text) {
      const wrong = checkRelease("sticky", readAnswer("sticky", text), request)
        .find(({ address, seconds }) => formatAddress(address) !== "10.0.0.4" || !(seconds >= 0 && seconds < 4e7));
      return wrong === undefined ? undefined : `holds ${JSON.stringify(wrong)}`;
    },
  },
  {
    title: "merged result",
      seeds: [{ result }, { result: { ...result, ips: [...result.ips, { address: "10.9.9.2/24" }] } },
      { result: { ips: [] } }],
    wrong(text) {
      const merged = checkMerge("sticky", readAnswer("sticky", text), inputs);
      const known = new Set(inputs.flatMap((one) => one.result.ips).map(({ address }) => address));
      const wrong = merged.ips.find((one) => !known.has(one.address)
        || (one.interface !== undefined && merged.interfaces[one.interface] === undefined));
      return wrong === undefined ? undefined : `gives ${JSON.stringify(wrong)}`;
    },
  },
  {
    title: "review", seeds: [{}, { result }, { result: { ...result, ips: result.ips.slice(1), routes: [], dns: {} } }],
    wrong(text) {
      const left = checkReview("sticky", readAnswer("sticky", text), review, ["ips-remove", "routes", "dns"]);
      const known = new Set(result.ips.map(({ address }) => address));
      if (JSON.stringify(left.interfaces) !== JSON.stringify(result.interfaces)) return "changes interfaces";
      return left.ips.every(({ address }) => known.has(address)) ? undefined : `gives ${JSON.stringify(left.ips)}`;
    },
  },
];
for (const { title, seeds, wrong } of kinds) {
  answers(`is a decision within what was offered, or refused: ${title}`, () => fuzz<JsonInput>({
    ...jsonInputs(seeds), title: `${title} of a module`, accept: ({ text }) => wrong(text), refuse: refusedByShape,
  }));
}
answers.run();

const metadata = { abi: 1, kind: "ipam", name: "sticky", version: "1.0.0", description: "Keeps addresses",
  ops: ["allocate", "release", "check"], configSchema: { type: "object" }, needs: ["pod"], perSet: "any",
  examples: [{ title: "one", config: { a: 1 } }], budget: { fuel: 1000, memoryMiB: 4 } };

const modules = suite("a module");
modules("says of itself what is known, or is refused", () => fuzz({
  ...jsonInputs([metadata, { abi: 1, kind: "merge", name: "m", version: "1", ops: ["merge"] }]),
  title: "metadata of a module",
  accept({ text }) {
    const { abi, kind, name, version, ops, budget = {} } = parseMetadata(new TextEncoder().encode(text));
    if (abi !== 1 || !["ipam", "merge", "policy"].includes(kind)) return "is of no kind";
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name) || /\s/.test(version)) return `is called ${name} ${version}`;
    if (!ops.every((op) => ["allocate", "release", "check", "merge", "review"].includes(op)))
      return `has ops ${ops.join()}`;
    return Object.values(budget).every((limit) => Number.isSafeInteger(limit) && Number(limit) > 0)
      ? undefined : "has a budget";
  },
  refuse: (error) => error instanceof MetadataError && /^\w*.*metadata/.test(error.message)
    && error.message.length < 2000
    ? undefined : `is refused with ${String(error)}`,
}));
modules("is code that was looked over and can be metered, or refused", () => fuzz({
  ...byteInputs([
    assemble({ answer: "{}" }), assemble({ table: [0x70, 0, 1], locals: [[2, 0x7f], [1, 0x7e]] }),
    // A loop that counts down, a branch and a float.
    assemble({ locals: [[1, 0x7f]], call: [0x41, 9, 0x21, 3, 0x03, 0x40, 0x20, 3, 0x41, 1, 0x6b, 0x22, 3, 0x0d, 0, 0x0b,
      0x43, 0, 0, 0x80, 0x3f, 0xbc, 0x1a, 0x42, 0] }),
    exampleModule("sticky"),
  ]),
  title: "code of a module",
  accept(bytes) {
    const verified = verifyModule(bytes), metered = meterModule(verified);
    // Types on the stack are the engine's to check: what it takes must still be taken once it is metered.
    return isModule(bytes) && !isModule(metered) ? "is no module any more once it is metered" : undefined;
  },
  refuse: (error) => error instanceof Error && error.name === "RefusedModuleError" && error.message.length < 1000
    ? undefined : `is refused with ${error instanceof CniError ? error.code : ""} ${String(error)}`,
}));
modules.run();

function isModule(bytes: Uint8Array): boolean {
  try {
    new WebAssembly.Module(Uint8Array.from(bytes));
    return true;
  } catch {
    return false;
  }
}
