// Answers that are well-formed and meant for somebody further on: a terminal, a log, resolv.conf, the kernel.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../../src/cni/index.ts";
import { AddressList, parseAddress, takenView } from "../../../src/net/index.ts";
import { checkAllocation } from "../../../src/wasm/call/allocate.ts";
import { readAnswer } from "../../../src/wasm/call/answer.ts";
import { callModule, compileModule } from "../../../src/wasm/call/sandbox.ts";
import type { AllocateRequest } from "../../../src/ipam/index.ts";
import { prepareModule } from "../../../src/wasm/index.ts";
import { throws } from "../../helpers/errors.ts";
import { describedModule } from "../../helpers/modules.ts";
import { answerAt, assemble, i64Const } from "../../helpers/wasm.ts";

const escape = "\u001b[2J", override = "\u202e", next = "\u0085";

const texts = suite("a module's text");
texts("reaches people as one line that moves no cursor", () => {
  const msg = `full${escape}\nverified yes${override}${next}`;
  const error = throws(() => readAnswer("test", JSON.stringify({ error: { code: 100, msg,
    details: `a${escape}` } })), 100);
  assert.is(error.message, "full [2J verified yes  ");
  assert.is(error instanceof CniError && error.details, "a [2J");
});
texts("is cut where it would fill a log", () => {
  const error = throws(() => readAnswer("test", JSON.stringify({ error: { code: 100, msg: "x".repeat(60_000),
    details: "y".repeat(4000) } })), 100);
  assert.equal([error.message.length, error instanceof CniError && error.details?.length], [1027, 4000]);
  const refused = throws(() => readAnswer("test", JSON.stringify({ error: { code: "x".repeat(60_000),
    msg: "" } })), 145);
  assert.ok(refused.message.length < 700, String(refused.message.length));
});
texts("as its last words moves no cursor either", () => {
  const words = Uint8Array.from([...`oh${escape}`].flatMap((char) => [char.charCodeAt(0), 0]));
  const compiled = compileModule("test", assemble({ call: [0x00],
    fault: i64Const((BigInt(answerAt) << 32n) | BigInt(words.length)), answer: words }));
  assert.match(throws(() => callModule(compiled, 1, new Uint8Array(16)), 144).message, /trapped, oh \[2J$/);
});
texts("that it logs is told when it refuses too: 20 lines of 256 characters", () => {
  const lines: string[] = [];
  const log = [`a${escape}`, 7, "x".repeat(300), ...Array.from({ length: 30 }, (_, i) => `line ${i}`)];
  throws(() => readAnswer("test", JSON.stringify({ error: { code: 100, msg: "full" }, log }),
    (line) => lines.push(line)), 100);
  assert.is(lines.length, 19, "20 entries, one of which is no text");
  assert.is(lines[0], "a [2J");
  assert.is(lines[1], "x".repeat(256));
});
for (const [key, value, message] of [
  ["version", `1${escape}`, /version of its metadata/], ["version", "1".repeat(65), /version/],
    ["description", "good\nverified  yes", /description/], ["description", "x".repeat(2000), /description/],
  ["budget", { fuel: -1 }, /budget/], ["budget", { time: 1 }, /budget/],
    ["examples", [{ title: `a${override}b`, config: {} }], /examples/], [`key${escape}`, 1, /unknown key "key/],
] as const) {
  texts(`is refused as ${JSON.stringify(key)} of its metadata: ${JSON.stringify(value).slice(0, 30)}`, () => {
    const error = throws(() => prepareModule("test", describedModule({}, { [key]: value })), 142);
    assert.match(error.message, message);
    assert.not.match(error.message, /\p{Cc}|\p{Cf}/u);
  });
}
texts.run();

const span = { first: parseAddress("10.0.0.1"), last: parseAddress("10.0.0.9") };
const request: AllocateRequest = {
  attempt: 0, attachment: { containerId: "c", ifName: "eth0", network: "blue", mac: null }, config: {}, requested: [],
    mine: [],
  ranges: [{ set: 0, ...span, prefixBits: 24, subnet: "10.0.0.0/24", view: takenView(span, new AddressList(1)) }],
};
const ips = [{ range: 0, address: "10.0.0.2" }];
const beyond: readonly (readonly [string, object, RegExp])[] = [
  ["a search domain that is a line of its own", { dns: { search: ["x\nnameserver 192.0.2.6"] } }, /dns.search/],
  ["a domain with a space", { dns: { domain: "a b" } }, /dns.domain/],
  ["an option with a tab", { dns: { options: ["a\tb"] } }, /dns.options/],
  ["a name server that is no address", { dns: { nameservers: ["evil.example"] } },
    /dns.nameservers is "evil.example", expected an IP address/],
  ["a gateway of the other family", { routes: [{ dst: "10.0.0.0/8", gw: "2001:db8::1" }] }, /family of 10.0.0.0\/8/],
  ["a table the kernel has no room for", { routes: [{ dst: "10.0.0.0/8", table: 2 ** 32 }] },
    /table is 4294967296, expected a number from 0 to 4294967295/],
  ["a priority of 1e300", { routes: [{ dst: "10.0.0.0/8", priority: 1e300 }] }, /priority/],
  ["a scope of 256", { routes: [{ dst: "10.0.0.0/8", scope: 256 }] }, /scope is 256, expected a number from 0 to 255/],
];
const decisions = suite("a decision with");
for (const [title, more, message] of beyond) {
  decisions(`${title} is refused with 146`, () => assert.match(throws(() => checkAllocation("test", { ips, ...more },
    request), 146).message, message));
}
decisions("routes and DNS as they should be is taken", () => {
  const more = { routes: [{ dst: "10.0.0.0/8", gw: "10.0.0.1", table: 100 }, { dst: "::/0", gw: "fd00::1" }],
    dns: { nameservers: ["10.0.0.53", "fd00::53"], domain: "", search: ["svc.example"], options: ["ndots:5"] } };
  assert.equal(checkAllocation("test", { ips, ...more }, request).dns, more.dns);
});
decisions.run();
