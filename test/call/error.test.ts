// src/call/error.ts: which code an error of a lower room leaves with, and whose fault it is.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bugIn, isLocked, joinErrors, toCniError, withContext } from "../../src/call/index.ts";
import { CniError } from "../../src/cni/index.ts";
import { PluginError } from "../../src/exec/index.ts";
import { CodecError } from "../../src/netlink/index.ts";
import { LockError, ProgramError } from "../../src/os/index.ts";

const mapping = suite("toCniError");
for (const [name, error, number] of [
  ["a CniError", new CniError(1234, "x"), 1234], ["a NetlinkError",
    Object.assign(new Error("x"), { name: "NetlinkError" }), 110],
  ["a NetnsError", Object.assign(new Error("x"), { name: "NetnsError" }), 8],
    ["a lock not had", Object.assign(new Error("x"), { name: "LockError" }), 11],
  ["a file error", Object.assign(new Error("x"), { code: "EACCES", syscall: "open" }), 5],
    ["any other", new TypeError("x"), 999], ["a text", "x", 999],
  ["several errors, which take the first one's,", new AggregateError([Object.assign(new Error("a"),
    { name: "NetlinkError" }), new Error("b")], "x"), 110],
] as const) {
  mapping(`gives ${name} its code`, () => {
    const mapped = toCniError(error);
    assert.equal([mapped.code, mapped.message], [number, "x"]);
  });
}
for (const [name, error, number] of [
  ["what the kernel said and nobody can decode",
    new CodecError("decode", "IFLA_MTU", "expected 4 bytes, found 2"), 110],
  ["what a configuration wants and a message has no room for",
    new CodecError("encode", "IFLA_IFNAME", "expected at most 15 bytes"), 7],
  ["a program that was ended at a limit", new ProgramError("/sbin/x", "it was still running", { stdout: "",
    stderr: "" }), 112],
  ["a lock that others have", new LockError("/lock", 5), 11],
] as const) {
  mapping(`gives ${name} code ${number}, and its own words`, () => {
    assert.equal([toCniError(error).code, toCniError(error).message], [number, error.message]);
  });
}
mapping.run();

const bugs = suite("bugIn");
const wrapped = (error: unknown): CniError => joinErrors([withContext(withContext(error, "Cannot add"), "Cannot do")]);
bugs("finds our own at the bottom of what was said on the way up", () => {
  const bug = new TypeError("x is not a function");
  assert.is(bugIn(wrapped(bug)), bug);
  assert.is(bugIn(toCniError("thrown text"))?.message, "thrown text");
});
bugs("finds none in an error with a code of its own, nor in a plugin's, whatever code it gave", () => {
  assert.is(bugIn(wrapped(new CniError(7, "no"))), undefined);
  assert.is(bugIn(wrapped(new PluginError(999, "stat: no such file"))), undefined);
  assert.is(bugIn(wrapped(new PluginError(999, "no", { cause: new Error("missing") }))), undefined);
});
bugs.run();

const locks = suite("isLocked");
locks("finds a lock that others have below everything that was said of it", () => {
  const lock = new LockError("/lock", 5);
  assert.ok(isLocked(wrapped(new CniError(11, "busy", { cause: lock }))));
  assert.ok(isLocked(new AggregateError([new Error("other"), lock])));
  assert.not(isLocked(wrapped(new CniError(11, "busy"))));
});
locks.run();
