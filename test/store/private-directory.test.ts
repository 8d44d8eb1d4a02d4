// src/store/private-directory.ts: what killed writes leave goes by itself while others come and go.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tidyNowAndThen } from "../../src/store/index.ts";

const tidying = suite("tidyNowAndThen");
let cniDir = "";
tidying.before.each(() => {
  cniDir = mkdtempSync(join(tmpdir(), "polynic-tidy-"));
  mkdirSync(join(cniDir, "results"));
});
tidying.after.each(() => rmSync(cniDir, { recursive: true }));

const left = (): readonly string[] => readdirSync(cniDir, { recursive: true, encoding: "utf8" }).sort();
function put(name: string, old = true): void {
  writeFileSync(join(cniDir, name), "{");
  if (old) utimesSync(join(cniDir, name), 0, 0);
}

tidying("deletes old temporary files and nothing else, when its turn comes", () => {
  put(".polynic-1-ab.tmp");
  put("results/.polynic-2-cd.tmp");
  put("results/.polynic-3-ef.tmp", false);
  put("c1");
  put("results/blue-c1-eth0");
  const before = left();
  tidyNowAndThen(cniDir, { random: () => 0.5 });
  assert.equal(left(), before);
  tidyNowAndThen(cniDir, { random: () => 0 });
  assert.equal(left(), ["c1", "results", "results/.polynic-3-ef.tmp", "results/blue-c1-eth0"]);
});

tidying("deletes a bounded number at once", () => {
  for (let i = 0; i < 100; i++) put(`.polynic-${i}-ab.tmp`);
  tidyNowAndThen(cniDir, { random: () => 0 });
  assert.is(left().length, 1 + 100 - 64);
  tidyNowAndThen(cniDir, { random: () => 0 });
  assert.equal(left(), ["results"]);
});

tidying("is no reason to fail", () => {
  tidyNowAndThen(join(cniDir, "nowhere"), { random: () => 0 });
  put("file");
  tidyNowAndThen(join(cniDir, "file"), { random: () => 0 });
});
tidying.run();
