// docs/abi.md: its request is what the host sends, its answers are taken, its module is one.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AddressList, formatAddress, parseAddress, takenView } from "../../src/net/index.ts";
import type { AllocateRequest } from "../../src/ipam/index.ts";
import {
  allocateFrame, callModule, checkAllocation, checkReview, codeLimits, defaultLimits, op, prepareModule, readAnswer,
  reviewFrame,
} from "../../src/wasm/index.ts";
import { throws } from "../helpers/errors.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "abi.md"), "utf8");

/** The content of the block of that language and purpose. */
function block(fence: string): string {
  const [, content] = new RegExp(`^\`\`\`${fence}\\n([^]*?)^\`\`\`$`, "m").exec(page) ?? [];
  assert.type(content, "string", `the page has a block ${fence}`);
  return content ?? "";
}

/** Bytes up to the first two spaces of each line; what stands behind them is for people. */
function bytesOf(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  const hex = lines.map((line) => line.split("  ")[0] ?? "").join("").replaceAll(" ", "");
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const span = { first: parseAddress("10.0.0.1"), last: parseAddress("10.0.0.6") };
const taken = new AddressList(1);
for (const text of ["10.0.0.1", "10.0.0.2", "10.0.0.4"]) taken.addAddress(parseAddress(text));
const request: AllocateRequest = {
  attempt: 0, attachment: { containerId: "c1", ifName: "eth0", network: "blue", mac: null }, config: {}, requested: [],
    mine: [],
  pod: { namespace: "db", name: "pg-0", uid: "" }, node: { name: "n1", index: 3 }, seed: "0123456789abcdef",
  ranges: [{ set: 0, ...span, gateway: span.first, cursor: parseAddress("10.0.0.2"), prefixBits: 29,
    subnet: "10.0.0.0/29", view: takenView(span, taken) }],
};

const abi = suite("docs/abi.md");

abi("shows the request the host sends, byte by byte", () => {
  const lines = block("hex request").trimEnd().split("\n");
  const frame = allocateFrame(request);
  assert.equal(bytesOf(lines.map((line) => line.slice("0000  ".length))), frame);
  assert.equal(lines.map((line) => Number.parseInt(line.slice(0, 4), 16)), lines.map((_, index) => index * 16));
  const jsonBytes = new DataView(frame.buffer).getUint32(8, true);
  assert.is(new TextDecoder().decode(frame.subarray(96, 96 + jsonBytes)), block("json request").trim());
});

abi("shows answers to it: one that is taken, one that refuses", () => {
  const [given = "", refused = ""] = block("json answer").trim().split("\n");
  assert.equal(checkAllocation("page", readAnswer("page", given),
    request).ips.map(({ address }) => formatAddress(address)), ["10.0.0.3"]);
  assert.match(throws(() => readAnswer("page", refused), 100).message, /all are taken/);
});

abi("shows a module that lets everything pass", () => {
  const metadata = new TextEncoder().encode(block("json metadata").trim());
  const bytes = Uint8Array.from([...bytesOf(block("hex module").trimEnd().split("\n")), ...metadata]);
  const { metadata: { kind, name }, compiled } = prepareModule("page", bytes);
  assert.equal([kind, name], ["policy", "pass"]);
  const prevResult = { interfaces: [], ips: [], routes: [], dns: {} };
  const review = { attachment: request.attachment, config: {}, prevResult };
  const { text } = callModule(compiled, op.review, reviewFrame(review));
  assert.is(checkReview("page", readAnswer("page", text), review, []), prevResult);
});

abi("tells the limits as they are", () => {
  const number = (value: number | bigint) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
  for (const limit of [codeLimits.localBlocks, codeLimits.localBlocksSum, codeLimits.stackSlots]) assert.ok(page.includes(number(limit)),
    String(limit));
  assert.ok(page.includes(`${codeLimits.locals}, 128, ${codeLimits.loops}`)
    && page.includes(`${codeLimits.entries} each`));
  assert.equal([codeLimits.functions, codeLimits.tableEntries, codeLimits.bodyBytes],
    [codeLimits.entries, codeLimits.entries, 32 * 1024]);
  assert.ok(page.includes(`slots together: ${codeLimits.callSlots} for each`));
  assert.ok(page.includes(`${defaultLimits.fuel / 1_000_000n} million instructions`)
    && page.includes(`${defaultLimits.memoryPages / 16} MiB`));
});

abi.run();
