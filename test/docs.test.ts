// README.md and docs/ speak of files, keys and error codes that there are, and of all keys and codes there are.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../src/cni/index.ts";
import { filesNamedIn } from "./helpers/sources.ts";

const root = join(import.meta.dirname, "..");
const pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "conf/README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)];
const textOf = (page: string): string => readFileSync(join(root, page), "utf8");

const links = suite("links");

for (const page of pages) {
  links(`of ${page} lead to files`, () => {
    const targets = [...textOf(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target = ""]) => target);
    assert.equal(targets.filter((target) => !existsSync(join(root, dirname(page), target))), []);
  });
}

links("of README.md to its own sections lead there", () => {
  const readme = textOf("README.md");
  const sections = [...readme.matchAll(/^## (.+)$/gm)]
    .map(([, title = ""]) => title.toLowerCase().replaceAll(" ", "-"));
  const targets = new Set([...readme.matchAll(/\]\(#([^)]+)\)/g)].map(([, target = ""]) => target));
  assert.equal([...targets].toSorted(), sections.toSorted());
});

/** Where a page that names `kube/client/api.ts` or `pod/report.ts` may mean it to be. */
const bases = ["", "src", "src/mux", "docs"];

const files = suite("files");

/** Those of ours among the paths a page has in backquotes: their first folder is one of ours. */
function namedFiles(page: string): readonly string[] {
  return filesNamedIn(textOf(page)).filter((name) => bases.some((base) => existsSync(join(root, base, name.split("/")[0] ?? ""))));
}

for (const page of pages) {
  files(`that ${page} names are there`, () => {
    assert.equal(namedFiles(page).filter((name) => bases.every((base) => !existsSync(join(root, base, name)))), []);
  });
}

files("are found in a page that names many", () => assert.ok(namedFiles("docs/architecture.md").length > 20));

/** The first column of a page's tables. */
const firstColumn = (page: string): readonly string[] => textOf(page).split("\n")
  .filter((line) => line.startsWith("|")).map((line) => line.split("|")[1] ?? "");

const keys = suite("keys of the multiplexer");

keys("stand in docs/configuration.md, those of pods and modules also on their own pages", () => {
  // A schema of an object, ours.
  const { properties } = JSON.parse(textOf("src/mux/multiplexer.schema.json")) as { readonly properties: object };
  const documented = new Set(firstColumn("docs/configuration.md")
    .flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, key]) => key)));
  // It serves no purpose in a multiplexer.
  const missing = Object.keys(properties).filter((key) => key !== "prevResult" && !documented.has(key));
  assert.equal(missing, []);
  for (const key of ["kubeconfig", "multusNamespace", "systemNamespaces", "namespaceIsolation", "globalNamespaces",
    "strictSelections", "requireDevices"]) {
    assert.ok(firstColumn("docs/pods.md").some((cell) => cell.includes(`\`${key}\``)), key);
  }
});

const codes = suite("error codes");

codes("are in docs/troubleshooting.md, each in one row", () => {
  const rows = firstColumn("docs/troubleshooting.md").map((cell) => cell.trim())
    .filter((cell) => /^\d[\d, -]*$/.test(cell));
  const ranges = rows.flatMap((cell) => cell.split(", ")).map((part) => part.split("-").map(Number));
  const rowsOf = (wanted: number) => ranges.filter(([least = NaN, most = least]) => least <= wanted
    && wanted <= most).length;
  assert.equal(Object.entries(code).filter(([, number]) => rowsOf(number) !== 1), []);
});

for (const each of [links, files, keys, codes]) each.run();
