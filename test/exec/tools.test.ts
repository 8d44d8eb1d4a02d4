// src/exec/tools.ts: what is told when a tool of the machine cannot be used.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../src/cni/index.ts";
import { runTool } from "../../src/exec/tools.ts";
import { rejects } from "../helpers/errors.ts";

const tools = suite("a tool of the machine");

let directory = "";
tools.before(() => { directory = mkdtempSync(join(tmpdir(), "polynic-tools-")); });
tools.after(() => rmSync(directory, { recursive: true }));

function tool(text: string): { program: string; file: string; supplier: string } {
  const file = join(directory, "tool");
  writeFileSync(file, text, { mode: 0o755 });
  return { program: "tool", file, supplier: "tools" };
}

for (const [title, text, says] of [
  ["that never stops talking", "#!/bin/sh\nexec cat /dev/zero\n",
    /^Cannot run tool \(.*\/tool\): it .* and was ended$/],
  ["that is for another machine", "\x7fELF nothing", /^Cannot run tool \(.*\/tool\): .*ENOEXEC/],
] as const) {
  tools(`${title} is told of once`, async () => {
    const { message } = await rejects(runTool(process.env, tool(text), [], ""), code.executable);
    assert.match(message, says);
    assert.is(message.split("Cannot run").length - 1, 1, message);
  });
}
tools("that is not there is told of with its package", async () => {
  const { message } = await rejects(runTool({}, { program: "tool", file: undefined, supplier: "tools" }, [], ""),
    code.executable);
  assert.is(message, "Cannot run tool: there is no such program on PATH, expected the tools package");
});
tools.run();
