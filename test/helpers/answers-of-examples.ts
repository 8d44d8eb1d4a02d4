/**
 * A program: what every example answers to random requests, and the fuel it takes, a line each. Any Node must print the
 * same.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { random } from "../../src/commands/module/kit/random.ts";
import { randomSample } from "../../src/commands/module/kit/sample.ts";
import { subjectOf } from "../../src/commands/module/kit/subject.ts";
import { callModule } from "../../src/wasm/index.ts";

const examples = join(import.meta.dirname, "..", "..", "build", "wasm", "examples");
const requests = 200;

for (const file of readdirSync(examples).filter((name) => name.endsWith(".wasm")).sort()) {
  const subject = subjectOf(new Uint8Array(readFileSync(join(examples, file))));
  const configs = subject.metadata.examples.map(({ config }) => config);
  const trial = { subject, configs: configs.length === 0 ? [{}] : configs, pools: [], seed: 1,
    figures: { fuel: 0, memoryBytes: 0 }, scaled: (count: number) => count };
  const any = random(1);
  for (let i = 0; i < requests; i++) {
    const { op, frame } = randomSample(trial, any);
    const { text, fuelUsed, memoryBytes } = callModule(subject.compiled, op, frame);
    console.log(`${file} ${i} ${fuelUsed} ${memoryBytes} ${text}`);
  }
}
