import { statSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { closeNetns, inNetns, isOwnNetns, NetnsError, openNetns, openOwnNetns } from "../../src/kernel/netns.ts";
import { openNamespaceIfPresent } from "../../src/kernel/index.ts";
import { attempt, kernelSuite, makeNetns, run } from "../helpers/netns.ts";

const ownInode = (): bigint => statSync("/proc/thread-self/ns/net", { bigint: true }).ino;

const enter = kernelSuite("inNetns", import.meta.url);

enter("runs the work inside and comes back", () => {
  const { path } = makeNetns();
  const host = openOwnNetns();
  const container = openNetns(path);
  const before = ownInode();
  const inside = inNetns(container, host, ownInode);
  assert.is(inside, statSync(path, { bigint: true }).ino);
  assert.is(ownInode(), before);
  closeNetns(container);
  closeNetns(host);
});

enter("comes back when the work throws", () => {
  const host = openOwnNetns();
  const container = openNetns(makeNetns().path);
  const before = ownInode();
  assert.throws(() => inNetns(container, host, () => { throw new Error("on purpose"); }), "on purpose");
  assert.is(ownInode(), before);
});

enter("refuses a namespace of another kind and stays outside", () => {
  const host = openOwnNetns();
  const before = ownInode();
  assert.throws(() => inNetns(openNetns("/proc/self/ns/uts"), host, ownInode), /expected a network namespace/);
  assert.is(ownInode(), before);
});

enter("says to whoever is not root what is missing", () => {
  const host = openOwnNetns();
  const container = openNetns(makeNetns().path);
  process.seteuid?.(65_534);
  try {
    assert.throws(() => inNetns(container, host, ownInode), /cannot be entered, expected to be run as root$/);
  } finally {
    process.seteuid?.(0);
  }
});

enter("takes no asynchronous work", () => {
  const host = openOwnNetns();
  // @ts-expect-error what follows the first await would run outside
  const wrong = () => inNetns(host, host, async () => 1);
  assert.type(wrong, "function");
  closeNetns(host);
});

enter("stops the process when it cannot come back", () => {
  const { path } = makeNetns();
  const script = `
    import { inNetns, openNetns, openOwnNetns } from "${new URL("../../src/kernel/netns.ts", import.meta.url)}";
    import { closeSync } from "node:fs";
    const host = openOwnNetns();
    inNetns(openNetns("${path}"), host, () => closeSync(host.fd));
    console.log("went on");`;
  const { status, signal, stdout, stderr } = attempt(process.execPath, "--input-type=module", "--eval", script);
  assert.is(stdout, "");
  assert.ok(status !== 0 || signal !== null);
  assert.match(stderr, "cannot return to the host's network namespace");
});
enter.run();

const open = kernelSuite("openNetns", import.meta.url);

function problemOf(path: string): NetnsError {
  try {
    closeNetns(openNetns(path));
  } catch (error) {
    if (error instanceof NetnsError) return error;
    throw error;
  }
  throw new Error("it was opened");
}

open("says gone when nothing is there", () => {
  assert.is(problemOf("/run/netns/none").gone, true);
  assert.is(problemOf("/proc/999999/ns/net").gone, true);
});

open("refuses an ordinary file, on which a namespace was mounted that is gone", () => {
  writeFileSync("/run/netns/leftover", "");
  const problem = problemOf("/run/netns/leftover");
  assert.is(problem.gone, true);
  assert.match(problem.message, 'Cannot open network namespace "/run/netns/leftover": it is an ordinary file');
});

open("says gone where something else is than a namespace, and what", () => {
  run("mkfifo", "/run/netns/pipe");
  run("ln", "-s", "/run/netns/endless", "/run/netns/endless");
  for (const [path, problem] of [["/run/netns", "it is a directory"], ["/run/netns/pipe", "it is a pipe"],
    ["/dev/null", "it is a device"], ["/run/netns/leftover/deeper", "nothing is there"],
    ["/run/netns/endless", "nothing is there"]] as const) {
    const { gone, message } = problemOf(path);
    assert.is(gone, true, path);
    assert.match(message, `Cannot open network namespace "${path}": ${problem}`);
  }
  assert.is(openNamespaceIfPresent("/proc/self/ns/uts"), undefined);
});

open("says gone after the namespace was removed", () => {
  const container = makeNetns();
  closeNetns(openNetns(container.path));
  container.remove();
  assert.is(problemOf(container.path).gone, true);
});

open("isOwnNetns tells our own from others and from nothing", () => {
  run("touch", "/run/netns/self");
  run("mount", "--bind", "/proc/self/ns/net", "/run/netns/self");
  assert.is(isOwnNetns("/run/netns/self"), true);
  assert.is(isOwnNetns(makeNetns().path), false);
  assert.is(isOwnNetns("/run/netns/none"), false);
  const home = openOwnNetns();
  assert.equal(["self", "none"].map((name) => isOwnNetns(`/run/netns/${name}`, home)), [true, false]);
  assert.is(isOwnNetns(makeNetns().path, home), false);
  closeNetns(home);
});
open.run();
