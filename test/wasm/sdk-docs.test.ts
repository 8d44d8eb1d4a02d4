// docs/sdk.md: every module in it is compiled, and answers the cases that stand below it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withMetadata } from "../../src/commands/module/compile.ts";
import { runCase } from "../../src/commands/module/kit/case-run.ts";
import { parseCases } from "../../src/commands/module/kit/case.ts";
import { subjectOf } from "../../src/commands/module/kit/subject.ts";
import { compileModuleSources } from "../helpers/sdk.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "sdk.md"), "utf8");
const modules = [...page.matchAll(/```ts\n(.*?)```\n```json\n(.*?)```/gs)].map(([, source = "",
  cases = ""]) => ({ source, cases, name: /^class (\w+)/m.exec(source)?.[1] ?? "" }));

const docs = suite("docs/sdk.md");

docs("has a module for each kind an author is likely to write", () => assert.ok(modules.length >= 3));

for (const { name, source, cases } of modules) {
  docs(`${name} does what the page says`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "polynic-sdk-"));
    try {
      writeFileSync(join(folder, "index.ts"), source);
      const kind = source.includes("extends Policy") ? "policy" : "ipam";
      const ops = kind === "policy" ? ["review"] : ["allocate", "release", "check"];
      const subject = subjectOf(withMetadata(await compileModuleSources(folder, "index.ts"),
        { abi: 1, kind, name: name.toLowerCase(), version: "1", ops }));
      for (const row of parseCases("docs/sdk.md", JSON.parse(cases))) {
        const difference = await runCase(subject, row);
        assert.is(difference, undefined, `${row.title}: ${difference}`);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
docs.run();
