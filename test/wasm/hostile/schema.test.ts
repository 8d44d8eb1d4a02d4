// A module's configSchema is its author's, and runs outside of the sandbox: it may cost no more than its size tells.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { JsonObject } from "../../../src/schema/index.ts";
import { installModule, openModules } from "../../../src/wasm/index.ts";
import { compileConfigSchema, loadConfigCheck } from "../../../src/wasm/installed/config-check.ts";
import { rejects } from "../../helpers/errors.ts";
import { describedModule } from "../../helpers/modules.ts";
import { builtModules } from "../../helpers/wasm.ts";

const object = (rest: JsonObject): JsonObject => ({ type: "object", ...rest });
const property = (a: JsonObject) => object({ properties: { a } });

/** Each definition asks the next one twice: twenty-five of them are thirty million checks. */
const doubling = object({
  allOf: [{ $ref: "#/definitions/d0" }],
  definitions: Object.fromEntries(Array.from({ length: 26 },
    (_, i) => [`d${i}`, i === 25 ? {} : { allOf: [{ $ref: `#/definitions/d${i + 1}` },
    { $ref: `#/definitions/d${i + 1}` }] }])),
});

const refused: readonly (readonly [string, JsonObject, RegExp])[] = [
  ["doubles at every step", doubling, /unfolds to more than 500 parts/],
  ["refers to itself", object({ definitions: { a: { properties: { b: { $ref: "#/definitions/a" } } } },
    properties: { a: { $ref: "#/definitions/a" } } }), /refers to itself/],
  ["refers to its top", property({ $ref: "#" }), /\$ref is "#", expected #\/definitions\/NAME/],
  ["refers to another place", property({ $ref: "http:\/\/example.net\/schema" }), /\$ref is/],
  ["gives a part an $id", property({ $id: "other" }), /\$id/],
  ["compares any number of objects", property({ type: "array", uniqueItems: true, items: { type: "object" } }),
    /uniqueItems/],
  ["has a thousand alternatives", object({ anyOf: Array.from({ length: 1000 }, () => ({ required: ["a"] })) }),
    /unfolds/],
  ["has ten thousand words", property({ enum: Array.from({ length: 10_000 }, (_, i) => i) }), /unfolds/],
  ["nests a hundred levels deep", Array.from({ length: 100 }).reduce<JsonObject>((inner) => ({ not: inner }),
    { type: "object" }), /nests deeper/],
  ["looks around in a pattern", property({ type: "string", pattern: "^(?=a)" }), /looks around/],
  ["looks back in a pattern of keys", object({ patternProperties: { "(a)\\1": { type: "string" } } }), /has \\1/],
  ["has code for a pattern", property({ type: "string", pattern: '"/);process.exit(1);//' }), /Unmatched/],
];

const schemas = suite("a schema");
for (const [title, schema, message] of refused) {
  schemas(`that ${title} is refused with 142`, async () => {
    assert.match((await rejects(compileConfigSchema("test", schema), 142)).message, message);
  });
}

schemas("with a pattern the engine needs years for is checked at once", async () => {
  const check = loadConfigCheck(await compileConfigSchema("test", property({ type: "string", pattern: "^(a+)+$" })));
  assert.is(check({ a: "a".repeat(50_000) }), undefined);
  assert.match(check({ a: `${"a".repeat(50_000)}!` }) ?? "", /^a is "a+\.\.\., expected a string like \^\(a\+\)\+\$/);
});

schemas("may use patterns for keys, definitions, and words that are code elsewhere", async () => {
  const check = loadConfigCheck(await compileConfigSchema("test", object({
    description: "return validate; require(x)",
    patternProperties: { "^[a-z]+$": { $ref: "#/definitions/size" } }, additionalProperties: false,
    definitions: { size: { type: "integer", maximum: 9, description: 'require("ajv/dist/runtime/equal").default' } },
  })));
  assert.is(check({ blue: 3, red: 9 }), undefined);
  assert.is(check({ blue: 10 }), "blue is 10, expected an integer of at most 9");
  assert.match(check({ BLUE: 3 }) ?? "", /BLUE is unknown/);
});
schemas.run();

let directory = "";
const configs = suite("a configuration");
configs.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-modules-")); });
configs.after.each(() => rmSync(directory, { recursive: true }));

/** A list in a list in a list. */
const nested = (levels: number): object =>
  ({ a: Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1) });
const unfit: readonly (readonly [string, object, RegExp])[] = [
  ["is larger than 256 KiB", { a: "x".repeat(300_000) }, /300008 characters long, expected at most 262144/],
  ["nests 100 levels deep", nested(100), /101 levels deep, expected at most 64/],
  ["nests 100,000 levels deep", nested(100_000), /nests (too|100001 levels) deep, expected at most 64/],
];
for (const [title, config, message] of unfit) {
  configs(`that ${title} is refused`, async () => {
    await installModule({ directory, bytes: describedModule() });
    const module = await openModules(builtModules, { directory }).load({ module: "test", trusted: false });
    assert.match(await module.checkConfig(config) ?? "", message);
  });
}

configs("of the module that merges is checked by its schema too", async () => {
  const bytes = describedModule({ answer: '{"result":{}}' },
    { kind: "merge", configSchema: object({ properties: { order: { type: "string" } },
    additionalProperties: false }) });
  await installModule({ directory, bytes });
  const merge = (config: object) => openModules(builtModules,
    { directory, merge: { module: "test", config } }).merge([]);
  assert.equal(await merge({ order: "any" }), { interfaces: [], ips: [], routes: [], dns: {} });
  assert.match((await rejects(merge({ order: 7 }), 7)).message,
    /mergeConfig for module "test": order is 7, expected a string/);
});
configs.run();
