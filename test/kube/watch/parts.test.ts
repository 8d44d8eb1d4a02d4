// What a watch is made of, without a server: lines, events, what is kept and when it may be used, shared reads.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseWatchEvent } from "../../../src/kube/watch/event.ts";
import { KeptObjects } from "../../../src/kube/watch/kept-objects.ts";
import { Lines } from "../../../src/kube/watch/lines.ts";
import { SharedReads } from "../../../src/kube/watch/shared-reads.ts";
import { Watched } from "../../../src/kube/watch/watched.ts";

const lines = suite("Lines");
for (const [title, pieces, expected] of [
  ["gives a line once its end has come", ["ab", "c\nd"], [[], ["abc"]]],
  ["gives several at once", ["a\nb\nc"], [["a", "b"]]],
  ["puts a character together that comes in two pieces", [Buffer.from("ö\n").subarray(0, 1),
    Buffer.from("ö\n").subarray(1)], [[], ["ö"]]],
  ["passes empty lines over", ["\n\na\n\n"], [["a"]]],
  ["takes a line of just the length", ["12345678\n"], [["12345678"]]],
] as const) {
  lines(title, () => {
    const splitter = new Lines(8);
    assert.equal(pieces.map((piece) => splitter.add(Buffer.from(piece))), expected);
  });
}
for (const [title, pieces] of [
  ["in one piece", ["123456789"]], ["in many", ["12345", "6789"]], ["before its end", ["a\n123456789\n"]],
] as const) {
  lines(`refuses one that is too long, ${title}`, () => {
    const splitter = new Lines(8);
    assert.throws(() => pieces.forEach((piece) => splitter.add(Buffer.from(piece))), /longer than 8 bytes/);
  });
}
lines.run();

const events = suite("parseWatchEvent");
const metadata = { namespace: "blue", name: "web", uid: "u1", resourceVersion: "7" };
const line = (type: unknown, object: unknown): string => JSON.stringify({ type, object });
for (const type of ["ADDED", "MODIFIED"]) {
  events(`${type} is an object that is there, without who manages its fields`, () => {
    const object = { spec: { nodeName: "n" }, metadata: { ...metadata, managedFields: [{ manager: "kubelet" }] } };
    assert.equal(parseWatchEvent(line(type, object)), { kind: "there", key: "blue/web", uid: "u1", version: "7",
      text: JSON.stringify({ spec: { nodeName: "n" }, metadata }) });
  });
}
events("of an object without a namespace has its name alone, and what is kept of it", () => {
  const text = line("ADDED", { metadata: { name: "a", uid: "u1", resourceVersion: "7" }, spec: { podCIDR: "x" } });
  assert.equal(parseWatchEvent(text, ({ spec }) => ({ spec })),
    { kind: "there", key: "a", uid: "u1", version: "7", text: '{"spec":{"podCIDR":"x"}}' });
});
events("keeps every digit of a long number", () => {
  const event = parseWatchEvent(`{"type":"ADDED","object":{"metadata":${JSON.stringify(metadata)},` +
    '"spec":{"tolerationSeconds":9007199254740993}}}');
  assert.match(event.kind === "there" ? event.text : "", /9007199254740993/);
});
for (const [title, text, expected] of [
  ["DELETED is one that is gone", line("DELETED", { metadata }),
    { kind: "gone", key: "blue/web", uid: "u1", version: "7", text: "" }],
  ["BOOKMARK is how far it has been told", line("BOOKMARK", { kind: "Pod", metadata: { resourceVersion: "9" } }),
    { kind: "bookmark", version: "9" }],
  ["ERROR 410 is one that has expired", line("ERROR", { kind: "Status", code: 410, reason: "Expired" }),
    { kind: "expired" }],
  ["ERROR by its reason alone", line("ERROR", { kind: "Status", reason: "Gone" }), { kind: "expired" }],
] as const) events(title, () => assert.equal(parseWatchEvent(text), expected));
for (const [title, text, problem] of [
  ["another ERROR", line("ERROR", { code: 500, message: "etcd is away" }), '500 "etcd is away"'],
  ["no JSON", "<html>", "no event"], ["no object", line("ADDED", undefined), "no event"],
  ["an event of no kind that there is", line("RENAMED", { metadata }), 'an event "RENAMED"'],
  ["one without a kind", line(undefined, { metadata }), "without a type"],
  ["an object without a version", line("ADDED", { metadata: { ...metadata, resourceVersion: "" } }), "no version"],
  ["an object without a name", line("ADDED", { metadata: { ...metadata, name: undefined } }), "no name or uid"],
] as const) {
  events(`${title} is a failure in words`, () => {
    const event = parseWatchEvent(text);
    assert.match(event.kind === "failed" ? event.problem : event.kind, problem);
  });
}
events.run();

const kept = suite("KeptObjects");
kept("are as many as may be, and of one that is too many nothing is known", () => {
  const objects = new KeptObjects({ objects: 2, chars: 10 });
  for (const [key, text] of [["a", "1234"], ["b", "1234"], ["c", "1"]] as const) objects.set(key, { uid: "", text });
  assert.equal([objects.keys(), objects.count, objects.chars, objects.refused], [["a", "b"], 2, 8, 1]);
  objects.set("a", { uid: "", text: "1234567" });
  assert.equal([objects.keys(), objects.chars, objects.refused], [["b"], 4, 2], "what it was before is not so");
  objects.delete("b");
  objects.delete("b");
  assert.equal([objects.count, objects.chars], [0, 0]);
});
kept.run();

const watched = suite("Watched");
const limits = { objects: 10, chars: 1000 };
const there = (name: string, version: string): Parameters<Watched["apply"]>[0] =>
  ({ kind: "there", key: name, uid: `${name} of ${version}`, version, text: "{}" });
const fresh = (): Watched => {
  const one = new Watched({ limits, silenceMs: 100, nowMs: 0 });
  assert.is(one.begin(), "0");
  one.opened(0);
  return one;
};
watched("knows nothing while it is not open, and nothing that is too old", () => {
  const one = fresh();
  one.apply(there("a", "5"));
  assert.is(one.get("a", 100)?.uid, "a of 5");
  assert.is(one.get("a", 101), undefined, "nothing has been heard for too long");
  one.heard(101);
  assert.is(one.get("a", 101)?.uid, "a of 5");
  one.closed();
  assert.is(one.get("a", 101), undefined);
  assert.is(one.silentMs(151), 50);
});
watched("begins anew, with nothing, where it ended before all had been told", () => {
  const one = fresh();
  one.apply(there("a", "5"));
  one.closed();
  assert.is(one.begin(), "0");
  assert.is(one.objects.count, 0);
});
watched("goes on after a bookmark, with what it knows", () => {
  const one = fresh();
  for (const event of [there("a", "5"), there("b", "4"), { kind: "bookmark", version: "6" }, there("a", "8"),
    { kind: "gone", key: "b", uid: "", version: "9", text: "" }] as const) one.apply(event);
  one.closed();
  assert.is(one.begin(), "9");
  one.opened(0);
  assert.equal(one.objects.keys(), ["a"]);
  assert.is(one.get("a", 0)?.uid, "a of 8");
});
for (const [title, forget] of [
  ["has expired", (one: Watched) => one.apply({ kind: "expired" })],
  ["said what nobody understands", (one: Watched) => one.forget()],
] as const) {
  watched(`forgets everything when it ${title}`, () => {
    const one = fresh();
    one.apply({ kind: "bookmark", version: "6" });
    one.apply(there("a", "7"));
    forget(one);
    assert.is(one.get("a", 0), undefined);
    assert.is(one.begin(), "0");
  });
}
watched.run();

const reads = suite("SharedReads");

/** A server that answers when the test says so, with how often it has been asked. */
function server(): { ask: () => Promise<string>; answer: (error?: Error) => Promise<void>; readonly asked: number } {
  const open: PromiseWithResolvers<string>[] = [];
  let asked = 0;
  return {
    ask: () => {
      const answer = Promise.withResolvers<string>();
      open.push(answer);
      asked++;
      return answer.promise.then((text) => text);
    },
    async answer(error) {
      const one = open.shift();
      if (error === undefined) one?.resolve(`answer ${asked}`);
      else one?.reject(error);
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    },
    get asked() { return asked; },
  };
}

reads("are sent at once, and one answers everybody who came before it was sent", async () => {
  const shared = new SharedReads<string>(), api = server();
  const first = shared.read("a", api.ask), second = shared.read("a", api.ask), third = shared.read("a", api.ask);
  assert.is(api.asked, 1);
  await api.answer();
  assert.is(await first, "answer 1");
  assert.is(api.asked, 2, "what was sent before they asked is no answer to them");
  await api.answer();
  assert.equal(await Promise.all([second, third]), ["answer 2", "answer 2"]);
  const later = shared.read("a", api.ask);
  await api.answer();
  assert.equal([await later, api.asked], ["answer 3", 3]);
});
reads("of different things do not wait for each other", () => {
  const shared = new SharedReads<string>(), api = server();
  void shared.read("a", api.ask);
  void shared.read("b", api.ask);
  assert.is(api.asked, 2);
});
reads("that fail are told to whoever asked, and tried again by whoever shared", async () => {
  const shared = new SharedReads<string>(), api = server();
  const outcome = (read: Promise<string>): Promise<string> => read.catch(({ message }: Error) => message);
  const first = outcome(shared.read("a", api.ask)), second = outcome(shared.read("a", api.ask));
  const third = outcome(shared.read("a", api.ask));
  await api.answer(new Error("no 1"));
  await api.answer(new Error("no 2"));
  await api.answer();
  assert.equal(await Promise.all([first, second, third]), ["no 1", "no 2", "answer 3"]);
});
reads.run();
