// src/commands/module/kit: what comes with polynic passes the kit, and a module that breaks a rule is found out by the item of
// that rule.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileSources, loadCompiler, withMetadata } from "../../../../src/commands/module/compile.ts";
import { runKit } from "../../../../src/commands/module/kit/index.ts";
import type { Line } from "../../../../src/commands/module/kit/report.ts";
import type { Subject } from "../../../../src/commands/module/kit/subject.ts";
import { builtInSubject, subjectOf } from "../../../../src/commands/module/kit/subject.ts";
import { builtModules } from "../../../helpers/wasm.ts";

const root = join(import.meta.dirname, "..", "..", "..", "..");
const sdk = join(root, "wasm-plugins", "sdk");
const share = 1 / 50;

async function linesOf(subject: Subject): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for await (const line of runKit(subject, { seed: 1, share, pools: [] })) lines.push(line);
  return lines;
}

function failures(lines: readonly Line[]): string {
  return lines.filter(({ failure }) => failure !== undefined).map(({ title,
    failure }) => `${title}: ${failure ?? ""}`).join("\n");
}

const builtIns = suite("the kit on what is built in");
for (const name of ["host-local", "lowest", "merge"]) {
  builtIns(`${name} passes`, async () => {
    const lines = await linesOf(builtInSubject(new Uint8Array(readFileSync(join(builtModules, `${name}.wasm`)))));
    assert.ok(lines.length >= 4);
    assert.is(failures(lines), "");
  });
}
builtIns.run();

const head = `import { Addr, Decision, Ipam, Merge, Policy, RangeSet, Request, fail, register } from "polynic/module";
export { abi, alloc, call, fault } from "polynic/module";
`;
const ipam = (choose: string) => `${head}class Bad extends Ipam { choose(request: Request, set: RangeSet, decision: ` +
  `Decision): void { const range = set.ranges[0]; ${choose} } }\nregister(new Bad());\n`;
const metadata = { abi: 1, kind: "ipam", name: "bad", version: "1", ops: ["allocate", "release", "check"],
  examples: [{ title: "any", config: {} }] };
const policy = { ...metadata, kind: "policy", ops: ["review"] };

/** What is wrong with a module, its source, its metadata, the item that must fail, and a word of what it says. */
const broken: readonly (readonly [string, string, object, RegExp, RegExp])[] = [
  ["does not look what is taken", ipam("decision.use(range, range.first);"), metadata, /every decision is legal/,
    /is taken|gateway/],
  ["gives an address outside of the range",
    ipam("const free = range.view.nextFree(range.first); if (free !== null) decision.use(range, free.next());"),
    metadata, /every decision is legal/, /outside its range|is taken/],
  ["traps where a range is full", ipam("const free = range.view.nextFree(range.first); decision.use(range, free!);"),
    metadata, /every decision is legal/, /\(144\)/],
  ["never ends where a range is full",
    ipam("let free: Addr | null = null; while (free === null) free = range.view.nextFree(range.first); " +
      "decision.use(range, free!);"), metadata, /every decision is legal/, /\(143\)/],
  ["says that a full range is worth another try",
    ipam('const free = range.view.nextFree(range.first); if (free === null) decision.fail(11, "try again"); else ' +
      'decision.use(range, free);'), metadata, /every decision is legal/, /code 11, expected 100/],
  ["asks the view for each address in turn",
    ipam("for (let at: Addr = range.first; at.before(range.last); at = at.next()) { if (range.view.isFree(at)) { " +
      "decision.use(range, at); return; } }"), metadata, /100,000 runs/, /\(143\)/],
  ["decides by how the view is written",
    ipam('const free = load<u16>(changetype<usize>(range.view)) == 1 ? range.view.prevFree(range.last) : ' +
      'range.view.nextFree(range.first); if (free !== null) decision.use(range, free);'),
    metadata, /runs and bitmap/, /by runs .* by bitmap/],
  ["has an example its schema refuses",
    ipam("const free = range.view.nextFree(range.first); if (free !== null) decision.use(range, free);"),
    { ...metadata, configSchema: { type: "object", properties: { a: { type: "string" } } },
    examples: [{ title: "wrong", config: { a: 1 } }] }, /configSchema/, /example "wrong".*\ba\b/],
  ["takes more fuel than it says",
    ipam("const free = range.view.nextFree(range.first); if (free !== null) decision.use(range, free);"),
    { ...metadata, budget: { fuel: 1000 } }, /100,000 runs/, /fuel, expected at most its budget of 1000/],
  ["adds an address to a result",
    `${head}class Bad extends Policy { review(request: Request): Decision { const decision = new Decision(); ` +
      `decision.result.raw('{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.1/8"}]}'); return decision; } ` +
      `}\nregister(new Bad());\n`, policy, /made of what it was given/, /146|ips/],
];

const finding = suite("the kit finds a module that");
const folder = mkdtempSync(join(tmpdir(), "polynic-kit-"));
finding.after(() => rmSync(folder, { recursive: true }));
for (const [index, [title, source, about, item, says]] of broken.entries()) {
  finding(title, async () => {
    const place = join(folder, String(index));
    mkdirSync(place);
    writeFileSync(join(place, "index.ts"), source);
    const wasm = await compileSources({ compiler: await loadCompiler(root), folder: place, entry: "index.ts", sdk });
    const lines = await linesOf(subjectOf(withMetadata(wasm, about)));
    const line = lines.find(({ title }) => item.test(title));
    assert.match(line?.failure ?? "no failure", says, failures(lines));
  });
}
finding.run();
