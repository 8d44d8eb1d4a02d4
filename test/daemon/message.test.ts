// src/daemon/message.ts: what shim and daemon say to each other, byte by byte.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ShimCall } from "../../src/daemon/message.ts";
import { answerBytes, CallReader, declinedLine } from "../../src/daemon/message.ts";

const env = "CNI_COMMAND=ADD\0EMPTY=\0EQUALS=a=b\0";
const stdin = '{"name":"größe"}';
const environmentBytes = Buffer.byteLength(env), inputBytes = Buffer.byteLength(stdin);
const head = `polynic 1 0.1.0 bridge 4:1 4:2 4:3 8:4 ${environmentBytes} ${inputBytes}\n`;
const whole = Buffer.from(`${head}${env}${stdin}`);
const expected = {
  programVersion: "0.1.0", name: "bridge", identity: { mount: "4:1", net: "4:2", user: "4:3", root: "8:4" },
  env: { CNI_COMMAND: "ADD", EMPTY: "", EQUALS: "a=b" }, stdin,
};

/** Without the missing prototype, which uvu would see. */
function plain(call: ShimCall | undefined): unknown {
  return call === undefined ? undefined : { ...call, env: { ...call.env } };
}

function refusal(bytes: Buffer): string {
  try {
    new CallReader().add(bytes);
  } catch (error) {
    assert.is((error as Error).name, "MessageError");
    return (error as Error).message;
  }
  throw new Error("Expected the call to be refused");
}

const reader = suite("CallReader");
reader("reads a call that comes in one piece", () => {
  assert.equal(plain(new CallReader().add(whole)), expected);
});
reader("reads a call that comes byte by byte, and is done with the last one only", () => {
  const one = new CallReader();
  for (let i = 0; i < whole.length - 1; i++) assert.is(one.add(whole.subarray(i, i + 1)), undefined, `byte ${i}`);
  assert.equal(plain(one.add(whole.subarray(-1))), expected);
});
reader("reads a call without environment and stdin", () => {
  assert.equal(plain(new CallReader().add(Buffer.from("polynic 1 0.1.0 bridge a b c d 0 0\n"))),
    { ...expected, identity: { mount: "a", net: "b", user: "c", root: "d" }, env: {}, stdin: "" });
});
reader("takes a variable's first value, as getenv(3) does, and none without a name", () => {
  const twice = "A=1\0A=2\0=x\0nothing\0";
  assert.equal({ ...new CallReader().add(Buffer.from(`polynic 1 0 n a b c d ${twice.length} 0\n${twice}`))?.env },
    { A: "1" });
});
reader("keeps a variable called __proto__ what it is", () => {
  const odd = "__proto__=x\0";
  const call = new CallReader().add(Buffer.from(`polynic 1 0 n a b c d ${odd.length} 0\n${odd}`));
  assert.equal(Object.keys(call?.env ?? {}), ["__proto__"]);
});
for (const [what, bytes, message] of [
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), /its head is "GET/],
  ["another protocol version", Buffer.from("polynic 2 0.1.0 bridge a b c d 0 0\n"), /expected "polynic 1"/],
  ["a head without an end", Buffer.alloc(600, "x"), /no line ends within 512 bytes/],
  ["a head whose end comes too late", Buffer.from(`polynic 1 ${"x".repeat(600)}\n`), /no line ends within 512 bytes/],
  ["too large an input", Buffer.from("polynic 1 0.1.0 bridge a b c d 0 16777217\n"), /16777217 of input/],
  ["too large an environment", Buffer.from("polynic 1 0.1.0 bridge a b c d 4194305 0\n"), /4194305 bytes of env/],
  ["a negative length", Buffer.from("polynic 1 0.1.0 bridge a b c d -1 0\n"), /its head is/],
  ["more than it says", Buffer.concat([whole, Buffer.from("x")]), /longer than its head says/],
] as const) reader(`refuses ${what}`, () => {
  assert.match(refusal(bytes), message);
});
reader.run();

const lines = suite("answers");
lines("give the lengths in bytes, then both texts", () => {
  assert.is(answerBytes({ status: 1, stdout: "ö", stderr: "log\n" }).toString(), "answer 1 2 4\nölog\n");
});
lines("that decline are one line, whatever the reason holds", () => {
  assert.is(declinedLine("two\nlines"), "declined two lines\n");
});
lines.run();
