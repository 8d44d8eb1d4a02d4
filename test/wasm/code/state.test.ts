// src/wasm/code/state.ts; what is made of it: test/wasm/call/instance.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileModule } from "../../../src/wasm/call/sandbox.ts";
import { meterModule } from "../../../src/wasm/code/meter.ts";
import { withStateExported } from "../../../src/wasm/code/state.ts";
import { verifyModule } from "../../../src/wasm/code/verify.ts";
import { assemble } from "../../helpers/wasm.ts";

const state = suite("withStateExported");
const metered = meterModule(verifyModule(assemble({ answer: "{}" })));
const namesOf = (bytes: Uint8Array<ArrayBuffer>) =>
  WebAssembly.Module.exports(compileModule("test", bytes).module).map(({ name, kind }) => `${kind} ${name}`);

state("exports every global by its number, and leaves the rest as it is", () => {
  const before = namesOf(metered), after = namesOf(withStateExported(metered));
  // The module has none of its own: these are the meter's.
  assert.equal(after, [...before, "global polynic_state_0", "global polynic_state_1"]);
});

state.run();
