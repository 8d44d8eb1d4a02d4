// src/store/shared/absent-nodes.ts: since when a cluster has not had a node, by a clock that no hand sets.
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openAbsentNodes } from "../../src/store/index.ts";
import { throws } from "../helpers/errors.ts";

const cluster = "the cluster's API";

interface Context { directory: string; ms: number }

const nodes = suite<Context>("absent nodes");
nodes.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "polynic-absent-"));
  context.ms = 1_000;
});
nodes.after.each(({ directory }) => rmSync(directory, { recursive: true }));

/** What a look that shows these nodes tells of the others. */
function look(context: Context, present: readonly string[], more: object = {}, of = cluster) {
  const opened = openAbsentNodes(join(context.directory, "state"), { bootId: "b1", nowMs: () => context.ms, ...more });
  return Object.fromEntries(opened.note(of, present));
}

nodes("are absent from the first look that has not found them, in whichever process", (context) => {
  assert.equal(look(context, ["a", "b", "c"]), {}, "nobody was seen before");
  assert.equal(look(context, ["a", "c"]), { b: 0 });
  context.ms = 61_000;
  assert.equal(look(context, ["a"]), { b: 60_000, c: 0 });
  context.ms = 71_000;
  assert.equal(look(context, ["a", "c"]), { b: 70_000 });
  assert.equal(look(context, ["a"]), { b: 70_000, c: 0 }, "what was there again begins anew");
});

nodes("begin anew with a start of the machine, and where a time is to come", (context) => {
  look(context, ["a", "b"]);
  look(context, ["a"]);
  context.ms = 61_000;
  assert.equal(look(context, ["a"]), { b: 60_000 });
  assert.equal(look(context, ["a"], { bootId: "b2" }), { b: 0 });
  context.ms = 500;
  assert.equal(look(context, ["a"], { bootId: "b2" }), { b: 0 });
  context.ms = 900;
  assert.equal(look(context, ["a"], { bootId: "b2" }), { b: 400 });
  for (const _ of [1, 2]) assert.equal(look(context, ["a"], { bootId: "" }), { b: 0 }, "nobody knows which start");
});

nodes("were never seen where nobody can read what was noted", (context) => {
  const odd = JSON.stringify({ bootId: "b1", clusters: { [cluster]: ["b"] } });
  for (const text of ["{", "[]", '{"bootId": "b1"}', odd]) {
    look(context, ["a", "b"]);
    writeFileSync(join(context.directory, "state", "absent-nodes.json"), text);
    assert.equal(Object.keys(look(context, ["a"])).filter((name) => name === "b"), [], text);
  }
});

nodes("are told apart by their cluster, and few enough", (context) => {
  look(context, ["a", "b"]);
  look(context, ["a"]);
  context.ms = 61_000;
  assert.equal(look(context, ["a"], {}, "another"), {});
  assert.equal(look(context, ["a"]), { b: 60_000 });
  look(context, Array.from({ length: 20_000 }, (_, i) => `node-${i}.somewhere.example.com`));
  assert.ok(statSync(join(context.directory, "state", "absent-nodes.json")).size < 1024 * 1024);
});

nodes("say where they cannot be noted", (context) => {
  writeFileSync(join(context.directory, "state"), "a file");
  assert.match(throws(() => look(context, ["b"]), 5).message, /Cannot write .*absent-nodes\.json/);
});

nodes.run();
