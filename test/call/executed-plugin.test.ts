// src/call/executed-plugin.ts against a shell script: what it prints and is no answer is an error, whatever its status.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { executedPlugin } from "../../src/call/executed-plugin.ts";
import { CniError } from "../../src/cni/index.ts";
import type { Driven } from "../helpers/handles.ts";
import { add, check, del, gc, status } from "../helpers/handles.ts";

const directory = mkdtempSync(join(tmpdir(), "polynic-executed-"));
const file = join(directory, "probe");

/** The plugin, which prints that to the verb and nothing to others, and always ends with status 0. */
function saying(verb: string, text: string, more: Partial<Driven> = {}): Driven {
  writeFileSync(file, `#!/bin/sh\n[ "$CNI_COMMAND" = ${verb} ] && cat <<'END'\n${text}\nEND\nexit 0\n`);
  chmodSync(file, 0o755);
  return { plugin: executedPlugin("probe", file, { env: process.env, tell() {} }), conf: {}, netns: "/n", ...more };
}

async function outcome(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CniError) return [error.code, error.message];
    throw error;
  }
}

const test = suite("executed plugin");
test.after(() => rmSync(directory, { recursive: true }));

const error = '{"code":7,"msg":"no \\u202eluck"}';
const noResults = [
  "", "null", "true", "0", '"done"', "[]", '[{"ips":[]}]', "done", "{", '{"cniVersion":"1.1.0"} trailing', error,
  '{"cniVersion":"1.1.0","code":999,"msg":"x","details":"y"}', '{"code":7}', '{"msg":"x"}', '{"msg":""}',
  `${"[".repeat(600)}${"]".repeat(600)}`,
];
for (const text of noResults) {
  const shown = text === "" ? "nothing" : JSON.stringify(text.length > 400 ? `${text.slice(0, 400)}...` : text);
  test(`takes no ${shown.slice(0, 60)} for the result of an ADD`, async () => {
    const why = `it ended with status 0 and printed ${shown}, expected a CNI result`;
    for (const cniVersion of ["0.1.0", "0.4.0", "1.1.0"]) {
      assert.equal(await outcome(add(saying("ADD", text, { cniVersion }))),
        [112, `Cannot read the result of plugin "probe": ${why}`]);
    }
  });
}

test("takes an object without a key of an error for a result, however little it says", async () => {
  for (const text of ["{}", '{"cniVersion":""}', '{"code":0}', '{"unknown":{"code":7,"msg":"x"}}', ' {"ips":null}\n'])
    assert.equal(await outcome(add(saying("ADD", text))), { interfaces: [], ips: [], routes: [], dns: {} }, text);
});

const silent = { CHECK: check, DEL: del, STATUS: status, GC: (driven: Driven) => gc(driven, []) };
for (const [verb, call] of Object.entries(silent)) {
  test(`takes an error that ${verb} prints for one, and other words for none`, async () => {
    assert.equal(await outcome(call(saying(verb, error))), [112, 'Cannot read the answer of plugin "probe" to ' +
      `${verb}: it ended with status 0 and printed ${JSON.stringify(error)}, expected nothing`]);
    for (const text of ["", "null", "done", '{"cniVersion":"1.1.0","ips":[]}'])
      assert.is(await outcome(call(saying(verb, text))), undefined, text);
  });
}

test("tells what the DEL that undoes an ADD printed", async () => {
  writeFileSync(file, `#!/bin/sh\ncase $CNI_COMMAND in ADD) echo null ;; DEL) echo '${error}' ;; esac\n`);
  const plugin = executedPlugin("probe", file, { env: process.env, tell() {} });
  const [number, message] = await outcome(add({ plugin, conf: {}, netns: "/n" })) as [number, string];
  assert.is(number, 112);
  assert.match(message, /printed "null", expected a CNI result.*answer of plugin "probe" to DEL.*no/);
});
test.run();
