// The fuzzing itself: what it is there to find is found, by a case that can be run again.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, code } from "../../src/cni/index.ts";
import { waitLimitMs } from "../helpers/limits.ts";
import { random } from "../helpers/random.ts";
import type { JsonInput, Subject } from "./frame.ts";
import { jsonInputs, tried, wrongRefusal, wrongRefusalOfKey } from "./frame.ts";
import { changedBytes, changedJson, changedText, pathsOf } from "./mutation.ts";

const value = { name: "lan", ipam: { type: "x", ranges: [[{ subnet: "10.0.0.0/8" }]] }, mtu: 1500 };

/** A parser with one mistake, and what else is a subject's. */
function planted(parse: (json: any) => void, wrong?: (json: any) => string | undefined): Subject<JsonInput> {
  return {
    ...jsonInputs([value]), title: "planted",
    accept({ text }) {
      let json: unknown;
      try {
        json = JSON.parse(text);
      } catch (cause) {
        throw new CniError(code.decodingFailure, "Cannot read stdin: it is not JSON", { cause });
      }
      parse(json);
      return wrong?.(json);
    },
    refuse: (error, input) => wrongRefusalOfKey(error, input, { codes: [code.decodingFailure, code.invalidConfig],
      names: /stdin/ }),
  };
}

const refusal = (json: any): void => {
  const bad = typeof json?.mtu !== "number";
  if (bad) throw new CniError(code.invalidConfig, `Cannot read stdin: mtu is ${typeof json?.mtu}`);
};
const run = async (subject: Subject<JsonInput>, caseIndex?: number) =>
  await tried(subject, { caseCount: 2000, seed: 5, caseIndex });

const firstLine = (text: string): string => text.split("\n")[0] ?? "";

const frame = suite("fuzzing");
frame("has nothing against a parser that refuses what it cannot take", async () => {
  const { caseCount, acceptedCount, refusedCount, findings } = await run(planted(refusal, (json) => (
    Number.isFinite(json.mtu) ? undefined : "has no mtu")));
  assert.equal([caseCount, acceptedCount + refusedCount, findings], [2000, 2000, []]);
  assert.ok(acceptedCount > 200 && refusedCount > 200, `${acceptedCount} accepted, ${refusedCount} refused`);
});
for (const [title, subject, finding] of [
  ["an error that is none of ours", planted((json) => void json.ipam.ranges[0][0].subnet.length),
    /bug of ours: TypeError/],
  ["a refusal with another code", planted((json) => {
    if (json?.mtu !== 1500) throw new CniError(code.cluster, "Cannot read stdin: mtu");
  }), /is refused with code 120/],
  ["a refusal that does not say of what", planted((json) => {
    if (json?.mtu !== 1500) throw new CniError(code.invalidConfig, "no");
  }), /without a name of it: 7 "no"/],
  ["a refusal that names another key", planted((json) => {
    if (json?.mtu !== 1500) throw new CniError(code.invalidConfig, "Cannot read stdin: name");
  }), /without a word of mtu/],
  ["a value that is accepted and should not be", planted(() => {}, (json) => (
    typeof json?.ipam?.type === "string" ? undefined : "has no ipam.type")), /has no ipam\.type/],
] as const) {
  frame(`finds ${title}, again by its number alone`, async () => {
    const { findings: [first = ""] } = await run(subject);
    assert.match(first, finding);
    const [, index] = /POLYNIC_SEED=5 POLYNIC_FUZZ_CASE=(\d+): /.exec(first) ?? [];
    const { caseCount, findings } = await run(subject, Number(index));
    // Behind the first line come the stack and the input.
    assert.equal([caseCount, findings.map(firstLine)], [1, [firstLine(first)]]);
  });
}
frame("finds a seed that is not accepted", async () => {
  const { findings } = await run(planted(() => { throw new CniError(code.invalidConfig, "Cannot read stdin"); }));
  assert.ok(findings.some((one) => one.startsWith("seed input 0: it is refused")), findings.join("\n"));
});
frame("ends a case that does not end, and says which it was", () => {
  const script = `import { watched } from ${JSON.stringify(join(import.meta.dirname, "watchdog.ts"))};
    const watch = watched("planted, POLYNIC_SEED=5", 300);
    watch.begins(41);
    await new Promise((resolve) => setTimeout(resolve, 50));
    watch.begins(42);
    for (;;);`;
  const { signal, stderr } = spawnSync(process.execPath, [...process.execArgv, "--input-type=module", "-e", script],
    { encoding: "utf8", timeout: waitLimitMs });
  assert.is(signal, "SIGKILL");
  assert.match(stderr, "Does not end: planted, POLYNIC_SEED=5 POLYNIC_FUZZ_CASE=42\n");
});
frame.run();

const mutation = suite("changes of inputs");
mutation("are the same for the same seed, and seldom none", () => {
  const texts = (seed: number): readonly string[] => {
    const own = random(seed);
    return Array.from({ length: 300 }, () =>
      JSON.stringify([changedJson(value, own).value, changedText("10.0.0.0/8", own),
      [...changedBytes(Uint8Array.of(1, 2, 3), own)]]));
  };
  assert.equal(texts(7), texts(7));
  assert.not.equal(texts(7), texts(8));
  assert.ok(new Set(texts(7)).size > 290);
  assert.is(JSON.stringify(value),
    '{"name":"lan","ipam":{"type":"x","ranges":[[{"subnet":"10.0.0.0/8"}]]},"mtu":1500}');
});
mutation("of JSON reach every node, and tell which", () => {
  const own = random(9), reached = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    const { value: changed, paths } = changedJson(value, own);
    if (paths.length === 1) reached.add(JSON.stringify(paths[0]));
    assert.is(typeof JSON.stringify(changed), "string");
  }
  for (const path of pathsOf(value)) assert.ok(reached.has(JSON.stringify(path)), path.join("."));
});
mutation.run();

const refusals = suite("refusals");
refusals("are judged by the code that a runtime gets", () => {
  assert.match(wrongRefusal(new TypeError("x"), { names: /x/ }) ?? "", /^ends as a bug of ours: TypeError: x/);
  assert.is(wrongRefusal(new CniError(7, "Cannot read x"), { names: /x/ }), undefined);
});
refusals.run();
