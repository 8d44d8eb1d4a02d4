// docs/install.md speaks of files and flags that exist.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { installOptions, uninstallOptions } from "../../src/commands/install/flags.ts";

const root = join(import.meta.dirname, "..", "..");
const text = readFileSync(join(root, "docs", "install.md"), "utf8");
/** Of kubectl and of polynic lint. */
const foreignFlags = ["--type", "--patch-file", "--validate", "--strict"];

const docs = suite("docs/install.md");

docs("names manifests that are there", () => {
  const names = [...new Set(text.match(/deploy\/[\w./-]*\w/g))].filter((name) => name !== "deploy/overlays/NAME");
  assert.ok(names.length > 3);
  assert.equal(names.filter((name) => !existsSync(join(root, name))), []);
});

docs("names flags that the commands have", () => {
  const known = [...Object.keys(installOptions), ...Object.keys(uninstallOptions), "help",
    "multus-log-"].map((name) => `--${name}`);
  const flags = [...new Set(text.match(/--[a-z][a-z-]*/g))];
  assert.ok(flags.length > 15);
  assert.equal(flags.filter((flag) => !known.includes(flag) && !foreignFlags.includes(flag)), []);
});

docs("quotes what the commands say", () => {
  const folder = join(root, "src", "commands", "install");
  const sources = ["configuration/primary.ts", "install-plan.ts", "take-back.ts"]
    .map((name) => readFileSync(join(folder, name), "utf8")).join();
  for (const words of ["Cannot find the primary configuration: ", "Cannot use the primary configuration ",
    "it is no JSON object", "the runtime would use ", "this node's polynic is in ", "is left where it is: ",
    "has been written again since"]) {
    assert.ok(text.includes(words.trim()) && sources.includes(words), words);
  }
});

docs.run();
