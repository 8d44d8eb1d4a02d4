import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LatelyRead } from "../../src/service/lately-read.ts";

const text = (more: object = {}): string => JSON.stringify({
  cniVersion: "1.0.0", name: "blue", type: "polynic", delegates: [{ type: "bridge", name: "a" }], ...more,
});

const lately = suite("LatelyRead");

lately("reads a text once, and a configuration once for each name and verb", () => {
  const read = new LatelyRead(), first = read.request(text());
  assert.is(read.request(text()), first);
  assert.not(read.request(text({ mtu: 1400 })) === first);
  const add = read.muxConf(first.conf, { invokedAs: "polynic", verb: "ADD" });
  assert.is(read.muxConf(first.conf, { invokedAs: "polynic", verb: "ADD" }), add);
  assert.is(add.mergeResults, true);
  assert.is(read.muxConf(first.conf, { invokedAs: "multus", verb: "ADD" }).mergeResults, false);
  assert.ok([first, first.conf, add, add.delegates, add.delegates[0]].every((one) => Object.isFrozen(one)));
});

lately("keeps nothing of one container, nothing long, and no more than a few", () => {
  const read = new LatelyRead();
  for (const one of [text({ prevResult: { cniVersion: "1.0.0" } }), text({ note: "x".repeat(20_000) })])
    assert.not(read.request(one) === read.request(one));
  const first = read.request(text());
  for (let i = 0; i < 31; i++) read.request(text({ i }));
  assert.is(read.request(text()), first);
  read.request(text({ i: 31 }));
  assert.not(read.request(text()) === first);
});

lately("refuses what is wrong each time", () => {
  const read = new LatelyRead();
  for (let i = 0; i < 2; i++) assert.throws(() => read.request("{}"), /name is missing/);
  const { conf } = read.request(text({ delegates: 5 }));
  for (let i = 0; i < 2; i++)
    assert.throws(() => read.muxConf(conf, { invokedAs: "polynic", verb: "ADD" }), /delegates is 5/);
});
lately.run();
