import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { schema as lateSchema } from "../../build/late-schemas/wasm.mjs";
import { schemas } from "../../build/schemas.mjs";

const root = join(import.meta.dirname, "..", "..");
const script = join(root, "scripts", "build-schemas.mjs");
const built = join(root, "build", "schemas.mjs");

const building = suite("build-schemas");

building("gives the same bytes for the same schemas, in less than a second", () => {
  execFileSync(process.execPath, [script], { timeout: 10_000 });
  const first = readFileSync(built, "utf8");
  const start = performance.now();
  execFileSync(process.execPath, [script], { timeout: 10_000 });
  const elapsedMs = performance.now() - start;
  assert.is(readFileSync(built, "utf8"), first);
  assert.ok(elapsedMs < 5000, `it took ${elapsedMs} ms, even on a busy machine that is too long`);
});

building("finds every schema below src/ and compiles it to code that stands alone", () => {
  const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => /(^|[./])schema\.json$/.test(file))
    .map((file) => (basename(file) === "schema.json" ? basename(dirname(file)) : basename(file, ".schema.json")));
  const late = readdirSync(join(root, "build",
    "late-schemas")).filter((file) => file.endsWith(".mjs")).map((file) => basename(file, ".mjs"));
  assert.equal([...Object.keys(schemas), ...late].sort(), names.sort());
  for (const schema of [...Object.values(schemas), lateSchema]) assert.is(schema.validate(Symbol("no JSON")), false);
  assert.not.match(readFileSync(built, "utf8"), /\b(require\(|import\b|from "ajv)/);
});

building.run();
