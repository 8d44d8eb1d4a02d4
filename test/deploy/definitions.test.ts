// The rules of deploy/base/crd.yaml, held against what a real server answered. This machine has no CEL: the rules use
// so little of it that they can be said in JavaScript word by word, and a rule that cannot fails here.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { vectors } from "./definitions.ts";

const crd = parse(readFileSync(join(import.meta.dirname, "..", "..", "deploy", "base", "crd.yaml"), "utf8"));
const schema = crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.config;

interface Rule {
  readonly rule: string;
  readonly message: string;
  readonly messageExpression?: string;
}

/** What a server would answer, as far as these rules go. */
function answerTo(config: unknown): 201 | readonly string[] {
  if (config === undefined) return 201;
  if (typeof config !== "string") return [`spec.config in body must be of type string: "${typeof config}"`];
  if (Buffer.byteLength(config) > schema.maxLength) return [`Too long: may not be more than ${schema.maxLength} bytes`];
  const broken: readonly Rule[] = schema["x-kubernetes-validations"].filter(({ rule }: Rule) => evaluated(rule,
    config) !== true);
  return broken.length === 0 ? 201 : broken.map(({ message, messageExpression }) => messageExpression === undefined
    ? message : String(evaluated(messageExpression, config)));
}

/** The words the rules use: matches, contains, find, ==, ||, &&, !, +. Literals are the same in both languages. */
function evaluated(expression: string, config: string): unknown {
  const words = expression.replaceAll(/'(?:[^'\\]|\\.)*'/g, "").match(/[A-Za-z]+/g) ?? [];
  assert.equal(words.filter((word) => !["self", "matches", "contains", "find"].includes(word)), [],
    `"${expression}" says more than this test understands`);
  const text = { matches: (pattern: string) => new RegExp(pattern, "v").test(config),
    contains: (part: string) => config.includes(part), find: (pattern: string) => new RegExp(pattern,
    "v").exec(config)?.[0] ?? "" };
  const translated = expression.replaceAll("self ==", "config ==").replaceAll("self.", "text.");
  return new Function("config", "text", `"use strict"; return (${translated});`)(config, text);
}

const definitions = suite("a definition");

for (const { title, config, spec, answer } of vectors) {
  const given = spec === undefined ? config : (spec as { readonly config?: unknown }).config;
  definitions(`with ${title} is ${answer === 201 ? "accepted" : "refused, and the message says why"}`,
    () => assert.equal(answerTo(given), answer));
}

definitions("is judged by rules of which each has refused something", () => {
  const said = vectors.flatMap(({ answer }) => answer === 201 ? [] : answer);
  for (const { message, messageExpression } of schema["x-kubernetes-validations"] as readonly Rule[]) {
    assert.ok(said.some((cause) => messageExpression === undefined ? cause === message
      : cause.startsWith("has \"cniVersion\"")), message);
  }
});

definitions.run();
