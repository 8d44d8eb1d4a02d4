import { suite } from "uvu";
import * as assert from "uvu/assert";
import { memoryFor } from "../../../src/commands/plan/replica.ts";

const memory = suite("memoryFor");

for (const [program, there, expected] of [
  ["/opt/polynic/lib/polynic/modules", ["/tmp"], "/tmp"],
  ["/tmp/polynic/build/wasm", ["/tmp", "/var/tmp"], "/var/tmp"],
  ["/tmpx/polynic", ["/tmp", "/var/tmp"], "/tmp"],
  ["/var/tmp/a", ["/var/tmp", "/media"], "/media"],
  ["/opt/polynic", [], "/mnt"],
] as const) {
  memory(`hides nothing of ${program}, where ${there.join(" and ") || "none"} is there`, () => {
    assert.is(memoryFor(program, (path) => there.some((one) => one === path)), expected);
  });
}
memory.run();
