import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseYamlDocuments } from "../../../src/kube/index.ts";

const documents = suite("parseYamlDocuments");

documents("reads every document, and leaves empty ones out", async () => {
  const found = await parseYamlDocuments("a: 1\n---\n---\n# nothing\n---\n- x\n");
  assert.equal(found.map(({ value }) => value), [{ a: 1 }, ["x"]]);
  assert.equal(await parseYamlDocuments(""), []);
});

documents("reads JSON, tabs included", async () => {
  const [found] = await parseYamlDocuments('{\n\t"a": [1,\n\t\t{"b": 2}]\n}');
  assert.equal(found?.value, { a: [1, { b: 2 }] });
  assert.equal(found?.positionOf(["a", 1, "b"]), { line: 3, column: 4 });
});

documents("tells where keys, items and the whole are, counted over all documents", async () => {
  const [, found] = await parseYamlDocuments("x: 1\n---\na:\n  - b\n  - c: d\n");
  assert.equal(found?.positionOf([]), { line: 3, column: 1 });
  assert.equal(found?.positionOf(["a"]), { line: 3, column: 1 });
  assert.equal(found?.positionOf(["a", 1]), { line: 5, column: 5 });
  assert.equal(found?.positionOf(["a", 1, "c"]), { line: 5, column: 5 });
  assert.is(found?.positionOf(["a", 2]), undefined);
  assert.is(found?.positionOf(["b", "c"]), undefined);
});

documents("says what is no YAML, and where", async () => {
  const [first, second] = await parseYamlDocuments("a: [1\n---\nb: 2\n");
  assert.is(first?.value, undefined);
  assert.is(first?.errors[0]?.line, 2);
  assert.equal(second?.value, { b: 2 });
  const [twice] = await parseYamlDocuments("a: 1\na: 2\n");
  assert.ok(twice?.errors[0]?.message.includes("unique"));
});

// kubectl reads both so (1.20): go-yaml takes the escape, and a carriage return alone for an end of line.
documents("takes a single quote that is escaped in double quotes, in keys and texts, and says where what follows is",
  async () => {
  const [found] = await parseYamlDocuments('it: "\\\\ isn\\\'t\\u0041\n  so" # x\n"k\\\'": {a: "\\\'"}\nb: 1\n');
  assert.equal(found?.errors, []);
  assert.equal(found?.value, { it: "\\ isn'tA so", "k'": { a: "'" }, b: 1 });
  assert.equal(found?.positionOf(["k'", "a"]), { line: 3, column: 9 });
  const [refused] = await parseYamlDocuments('a: "\\\' \\q"\n');
  assert.equal(refused?.errors.map(({ column }) => column), [8]);
});

documents("takes carriage returns for ends of line", async () => {
  const [found] = await parseYamlDocuments("a: 1\rb: |\r  x\r  y\rc:\r\n  - d\r");
  assert.equal(found?.value, { a: 1, b: "x\ny\n", c: ["d"] });
  assert.equal(found?.positionOf(["c", 0]), { line: 6, column: 5 });
});

documents("bounds what aliases may grow to", async () => {
  const levels = Array.from({ length: 12 }, (_,
    i) => `l${i}: &l${i} [${i === 0 ? "x" : Array(9).fill(`*l${i - 1}`).join(", ")}]`);
  const [found] = await parseYamlDocuments(levels.join("\n"));
  assert.is(found?.value, undefined);
  assert.is(found?.errors.length, 1);
});

// kubectl reads these so (1.20, by `kubectl annotate --local`), and has since there were definitions.
for (const [title, text, value] of [
  ["whose end stands at its key",
    "spec:\n  config: '{\n    \"a\": 1\n  }'\nb: 2\n", { spec: { config: '{ "a": 1 }' }, b: 2 }],
  ["at the beginning of the line", "spec:\n  config: \"{\n\\\"a\\\": 1\n}\"\n  b: 2\n",
    { spec: { config: '{ "a": 1 }', b: 2 } }],
  ["indented by a tab", "spec:\n  config: '{\n\t\"a\": 1\n  }'\n", { spec: { config: '{ "a": 1 }' } }],
  ["in a list", "- a: '{\n  }'\n- b\n", [{ a: "{ }" }, "b"]],
  ["in braces", "a: {b: 'x\n y',\nc: [\n1\n]\n}\nd: 2\n", { a: { b: "x y", c: [1] }, d: 2 }],
  ["with Windows' ends of lines", "a:\r\n  b: '{\r\n  }'\r\nc: 1\r\n", { a: { b: "{ }" }, c: 1 }],
] as const) {
  documents(`takes quoted text over several lines ${title}`, async () => {
    const [found, ...others] = await parseYamlDocuments(text);
    assert.equal([found?.errors, found?.value, others], [[], value, []]);
  });
}

for (const [where, text, value] of [
  ["quotes", "a: \"{}\"# no space\nb: 1\n", { a: "{}", b: 1 }],
  ["brackets", "a: [x]# no space\nb: 1\n", { a: ["x"], b: 1 }],
  ["braces", "a: {b: 1}# no space\nc: 1\n", { a: { b: 1 }, c: 1 }],
  ["a block's mark", "a: |# no space\n  x\n", { a: "x\n" }],
  ["a comma", "a: [x,# no space\n  y]\n", { a: ["x", "y"] }],
] as const) {
  documents(`takes a comment right behind ${where}`, async () => {
    const [found, ...others] = await parseYamlDocuments(text);
    assert.equal([found?.errors, found?.value, others], [[], value, []]);
  });
}

for (const [title, text] of [
  ["a document's mark in quotes", "a: '{\n---\n}'\n"],
  ["a quote that never ends", "a: 'b\nc: d\n"],
  ["a plain text that is not indented", "a:\n  b: c\n  d\n"],
  ["a literal block indented by tabs", "a:\n  b: |\n\t{}\n"],
  ["braces that never end", "a: {\nb: c\n"],
] as const) {
  documents(`refuses, as kubectl does, ${title}`, async () => {
    const found = await parseYamlDocuments(text);
    assert.ok(found.some(({ errors }) => errors.length > 0));
  });
}

documents("tells where a character of what stands in quotes is, and goes on counting behind it", async () => {
  const [found] = await parseYamlDocuments("a: '{\n}'\nb: xyz\n");
  assert.equal(found?.positionIn(["b"], 1), { line: 3, column: 5 });
  assert.equal(found?.positionOf(["a"]), { line: 1, column: 1 });
});

for (const [title, text, problem] of [
  ["nested too deeply", "[".repeat(100_000), "it is nested too deeply"],
  ["held by itself", "a: &a [*a]", "an alias stands for what holds it"],
] as const) {
  documents(`refuses what is ${title}`, async () => {
    const [found] = await parseYamlDocuments(text);
    assert.is(found?.value, undefined);
    assert.ok(found?.errors.some(({ message }) => message === problem), found?.errors[0]?.message);
  });
}

for (const [title, text, index, expected] of [
  ["in a literal block", 'a: |\n  [\n    "x"\n  ]\n', 4, { line: 3, column: 5 }],
  ["in an indented literal block with a keeping header", 'a: |+\n      xy\n       z\n', 4, { line: 3, column: 8 }],
  ["in a plain string", "a: net1,net2\n", 5, { line: 1, column: 9 }],
  ["in single quotes, past a doubled one", "a: 'it''s'\n", 3, { line: 1, column: 9 }],
  ["in double quotes, past escapes", 'a: "\\"x\\u0041y"\n', 3, { line: 1, column: 14 }],
  ["at a folded block, where nobody can tell", "a: >\n  x\n  y\n", 2, { line: 1, column: 1 }],
  ["at a string over two lines", 'a: "x\n  y"\n', 2, { line: 1, column: 1 }],
] as const) {
  documents(`tells a character's place ${title}`, async () => {
    const [found] = await parseYamlDocuments(text);
    assert.equal(found?.positionIn(["a"], index), expected);
  });
}

documents("tells places inside a string that is a document itself", async () => {
  const [found] = await parseYamlDocuments('x: 1\na: |\n  [\n    {"name": "b",\n     "mac": 1}]\n');
  const inside = found?.inside(["a"]);
  assert.equal(inside?.value, [{ name: "b", mac: 1 }]);
  assert.equal(inside?.positionOf([0, "mac"]), { line: 5, column: 6 });
  assert.is(found?.inside(["x"]), undefined);
});

documents.run();
