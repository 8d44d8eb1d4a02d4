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

function look(context: Context, absent: readonly string[], present: readonly string[] = [], more: object = {}) {
  const opened = openAbsentNodes(join(context.directory, "state"), { bootId: "b1", nowMs: () => context.ms, ...more });
  return Object.fromEntries(opened.note(cluster, { present, absent }));
}

nodes("are absent from the first look that has not found them, in whichever process", (context) => {
  assert.equal(look(context, ["b"]), { b: 0 });
  context.ms = 61_000;
  assert.equal(look(context, ["b", "c"]), { b: 60_000, c: 0 });
  assert.equal(look(context, []), {});
  context.ms = 90_000;
  assert.equal(look(context, ["c"]), { c: 29_000 }, "of another scope of the cluster");
  assert.equal(look(context, ["b"]), { b: 89_000 });
});

nodes("begin anew when they have been seen, the machine was started, or nobody can read what was noted", (context) => {
  look(context, ["b", "c"]);
  context.ms = 61_000;
  assert.equal(look(context, ["c"], ["b"]), { c: 60_000 });
  assert.equal(look(context, ["b"]), { b: 0 });
  assert.equal(look(context, ["c"], [], { bootId: "b2" }), { c: 0 });
  context.ms = 70_000;
  const odd = JSON.stringify({ bootId: "b1", clusters: { [cluster]: { c: "x" } } });
  for (const text of ["{", "[]", '{"bootId": "b1"}', odd]) {
    writeFileSync(join(context.directory, "state", "absent-nodes.json"), text);
    assert.equal(look(context, ["c"]), { c: 0 });
  }
  assert.equal(look(context, ["c"], [], { bootId: "" }), { c: 0 }, "nobody knows which start it is");
  context.ms = 80_000;
  assert.equal(look(context, ["c"], [], { bootId: "" }), { c: 0 });
  context.ms = 50_000;
  assert.equal(look(context, ["c"], [], { bootId: "" }), { c: 0 }, "a time that is to come");
});

nodes("are told apart by their cluster, and few enough", (context) => {
  look(context, ["b"]);
  context.ms = 61_000;
  const opened = openAbsentNodes(join(context.directory, "state"), { bootId: "b1", nowMs: () => context.ms });
  assert.equal([...opened.note("another", { present: [], absent: ["b"] })], [["b", 0]]);
  assert.equal(look(context, ["b"]), { b: 60_000 });
  look(context, Array.from({ length: 8_000 }, (_, i) => `node-${i}.example.com`));
  assert.ok(statSync(join(context.directory, "state", "absent-nodes.json")).size < 1024 * 1024);
});

nodes("say where they cannot be noted", (context) => {
  writeFileSync(join(context.directory, "state"), "a file");
  assert.match(throws(() => look(context, ["b"]), 5).message, /Cannot write .*absent-nodes\.json/);
});

nodes.run();
