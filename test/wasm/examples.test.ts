// wasm-plugins/examples and wasm-plugins/lowest: their cases, the conformance kit, and their pages.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rangesOf, runCase } from "../../src/commands/module/kit/case-run.ts";
import { parseCases, poolsOf } from "../../src/commands/module/kit/case.ts";
import { runKit } from "../../src/commands/module/kit/index.ts";
import type { Subject } from "../../src/commands/module/kit/subject.ts";
import { builtInSubject, subjectOf } from "../../src/commands/module/kit/subject.ts";
import { configCheckOf } from "../../src/wasm/index.ts";
import { random } from "../helpers/random.ts";
import { moduleSources } from "../helpers/sdk.ts";
import { builtModules } from "../helpers/wasm.ts";

const examples: readonly Example[] = [
  ...readdirSync(join(moduleSources, "examples")).map((name) => ({
    folder: join(moduleSources, "examples", name), subject: subjectOf(readFileSync(join(builtModules, "examples",
      `${name}.wasm`))),
  })),
  { folder: join(moduleSources, "lowest"), subject: builtInSubject(readFileSync(join(builtModules, "lowest.wasm"))) },
];

interface Example {
  readonly folder: string;
  readonly subject: Subject;
}

function casesOf({ folder }: Example) {
  return readdirSync(join(folder, "cases")).sort().flatMap((file) => parseCases(file,
    readJson(join(folder, "cases", file))));
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

const everyCase = suite("cases of");
for (const example of examples) {
  for (const row of casesOf(example)) {
    everyCase(`${example.subject.name}: ${row.title}`, async () => {
      const difference = await runCase(example.subject, row);
      assert.is(difference, undefined, difference);
    });
  }
}
everyCase.run();

const kit = suite("the conformance kit, a share of it, on");
for (const example of examples) {
  kit(example.subject.name, async () => {
    const pools = casesOf(example).filter(({ ranges }) => ranges !== undefined)
      .flatMap((row) => poolsOf(rangesOf(row)));
    for await (const { title, failure } of runKit(example.subject,
      { seed: random().seed, share: 0.005, pools })) assert.is(failure, undefined, `${title}: ${failure}`);
  });
}
kit.run();

/** A network of the page, as far as the module is concerned: its own step, or the `ipam` section. */
interface Network {
  readonly name: string;
  readonly plugins: readonly {
    readonly type: string;
    readonly config?: object;
    readonly ipam?: { readonly type: string; readonly config?: object; readonly ranges?: unknown };
  }[];
}

const pages = suite("the page of");
for (const { folder, subject } of examples.filter(({ folder }) => existsSync(join(folder, "README.md")))) {
  pages(`${subject.name} shows a network that uses it as its schema wants, and that is the one beside it`, async () => {
    const page = readFileSync(join(folder, "README.md"), "utf8");
    const shown = /```json\n(.*?)```/s.exec(page)?.[1] ?? "";
    assert.is(shown, readFileSync(join(folder, "network.conflist"), "utf8"));
    const { plugins } = JSON.parse(shown) as Network; // a file of ours; what is read of it is looked at below
    const section = [...plugins,
      ...plugins.flatMap(({ ipam }) => ipam ?? [])].find(({ type }) => type === subject.name);
    assert.ok(section);
    const problem = (await configCheckOf(subject.name, subject.metadata.configSchema))(section.config ?? {});
    assert.is(problem, undefined, problem);
  });
}
pages.run();
