// wasm-plugins/examples and wasm-plugins/lowest: their cases, and the conformance kit.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builtInSubject, parseCases, poolsOf, rangesOf, runCase, runKit, subjectOf } from "../../src/module-kit/index.ts";
import type { Subject } from "../../src/module-kit/index.ts";
import { moduleSources } from "../helpers/sdk.ts";
import { builtModules } from "../helpers/wasm.ts";

const examples = readdirSync(join(moduleSources, "examples"));

const everyCase = suite("cases of");
for (const name of examples) cases(join(moduleSources, "examples", name), subjectOf(readFileSync(join(builtModules, "examples", `${name}.wasm`))));
cases(join(moduleSources, "lowest"), builtInSubject(readFileSync(join(builtModules, "lowest.wasm"))));

function cases(folder: string, subject: Subject): void {
  for (const file of readdirSync(join(folder, "cases"))) {
    for (const row of casesIn(join(folder, "cases", file))) {
      everyCase(`${subject.name}: ${row.title}`, async () => {
        const difference = await runCase(subject, row);
        assert.is(difference, undefined, difference);
      });
    }
  }
}

function casesIn(file: string) {
  return parseCases(file, JSON.parse(readFileSync(file, "utf8")));
}
everyCase.run();
