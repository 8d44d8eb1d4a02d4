// docs/plugins: each page has the keys of its schema, all of them and no others, and examples that can be used.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkDocuments } from "../../src/commands/lint/check.ts";
import { findingLine, gather } from "../../src/commands/lint/finding.ts";
import { documentsOf, sourcesOf } from "../../src/commands/lint/source.ts";
import { builtIn, whereaboutsType } from "../../src/plugins/index.ts";

const root = join(import.meta.dirname, "..", "..");
const folder = join(root, "docs", "plugins");
const names = readdirSync(folder).filter((file) => file !== "README.md").map((file) => file.replace(/\.md$/, ""));
const textOf = (name: string): string => readFileSync(join(folder, `${name}.md`), "utf8");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** The paths of keys: objects whose keys are known are gone into, lists are not. */
function keysOf({ properties = {} }: Schema, path = ""): readonly string[] {
  return Object.entries(properties).flatMap(([key, inner]) => (
    inner.properties === undefined ? [`${path}${key}`] : keysOf(inner, `${path}${key}.`)));
}

/** Keys of every plugin, which a page may speak of where they matter. */
const common = ["dns", "ipam.type"];

/** The keys in the first column of a page's table. */
const documented = (name: string): readonly string[] => textOf(name).split("\n").flatMap((line) => (
  /^\| `([^`]+)` \|/.exec(line)?.slice(1) ?? []));

const keys = suite("keys of plugins' pages");
for (const name of names) {
  keys(`docs/plugins/${name}.md has those of its schema, each once`, () => {
    assert.ok(builtIn.has(name) || name === whereaboutsType);
    const file = join(root, "src", "plugins", name, "schema.json");
    // A schema of ours; loopback has no keys of its own.
    const schema = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) as Schema : {};
    const wanted = keysOf(schema), found = documented(name);
    assert.equal(found.filter((key) => wanted.includes(key) || !common.includes(key)).toSorted(), wanted.toSorted());
    assert.is(new Set(found).size, found.length);
  });
}
keys("are found in nested objects, too", () => assert.ok(documented("host-local").includes("ipam.subnet")));
keys.run();

const examples = suite("examples of plugins' pages");
for (const name of names) {
  examples(`in docs/plugins/${name}.md are what polynic lint has nothing against`, async () => {
    const blocks = [...textOf(name).matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);
    assert.ok(blocks.length > 0 && blocks.every((text) => text.includes(`"type": "${name}"`)));
    const directory = mkdtempSync(join(tmpdir(), "polynic-pages-"));
    try {
      const { findings, report } = gather();
      for (const [index, text] of blocks.entries()) {
        const file = join(directory, `${index}.conflist`);
        writeFileSync(file, text);
        const documents = (await Promise.all(sourcesOf(file).map((source) => documentsOf(source, report)))).flat();
        const counts = checkDocuments(documents,
          { strict: false, isolated: false, globalNamespaces: undefined, namespace: "default" }, report);
        assert.is(counts.networks, 1);
      }
      assert.equal(findings.map(findingLine), []);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}
examples("are of every plugin whose page the overview lists, and it lists all pages", () => {
  const listed = [...readFileSync(join(folder, "README.md"), "utf8").matchAll(/\]\(([\w-]+)\.md\)/g)];
  assert.equal(listed.map(([, name]) => name).toSorted(), names.toSorted());
});
examples.run();
