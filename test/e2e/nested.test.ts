// A plugin that runs another which its configuration names: with the multiplexer it gets nowhere, whatever it is told.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { kernelSuite } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { call, makeWorld } from "../helpers/runtime.ts";
import { multiplexed, ourPlugins } from "../helpers/three-networks.ts";

const nested = kernelSuite("a multiplexer inside a plugin", import.meta.url);

/** A file that would be executed if somebody else's directory of executables were believed. */
function program(world: World, name: string, script: string): string {
  const directory = join(world.directory, "programs");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return directory;
}

for (const inner of ["polynic", "multus"]) {
  nested(`is refused under the name ${inner}, and runs nothing`, () => {
    const world = makeWorld();
    try {
      const ran = join(world.directory, "ran");
      const theirs = program(world, "evil", `touch ${ran}`);
      // What it runs, and with which configuration, stands nowhere in its own, so that only the environment can tell.
      const made = JSON.stringify({ cniVersion: "1.0.0", name: "inner", type: inner, binDir: theirs,
        cniDir: join(world.directory, "theirs"), delegates: [{ cniVersion: "1.0.0", name: "evil", type: "evil" }] });
      const binDir = program(world, "outer", `echo '${made}' | ${join(ourPlugins(), inner)}`);
      const outer = { cniVersion: "1.0.0", name: "outer", type: "outer" };
      const conf = { cniVersion: "1.0.0", name: "pods", type: "polynic", cniDir: join(world.directory, "multus"),
        binDir, delegates: [outer] };
      for (const verb of ["ADD", "DEL"]) {
        const { status, json, stdout } = call(world, multiplexed(verb, conf));
        assert.equal([status, json?.code], [1, 7], stdout);
        assert.match(String(json?.msg), new RegExp(`Cannot run ${inner} inside plugin "outer"`));
      }
      assert.not(existsSync(ran));
      assert.not(existsSync(join(world.directory, "theirs")));
    } finally {
      world.remove();
    }
  });
}
nested.run();
