import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import type { MacSources } from "../../../src/plugins/interface/mac.ts";
import { requestedMac } from "../../../src/plugins/interface/mac.ts";
import { throws } from "../../helpers/errors.ts";

const mac = suite("requestedMac");

const [a, b, c] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"];
const rows: readonly (readonly [string, MacSources, string | undefined])[] = [
  ["none when nobody asks", { args: "", stronger: "args" }, undefined],
  ["none for empty texts", { configured: "", args: "MAC=", runtimeConfig: "", stronger: "args" }, undefined],
  ["the configured one", { configured: a, args: "", stronger: "args" }, a],
  ["CNI_ARGS over the configured one", { configured: a, args: `MAC=${b}`, stronger: "args" }, b],
  ["the configured one over CNI_ARGS", { configured: a, args: `MAC=${b}`, stronger: "configured" }, a],
  ["runtimeConfig over both", { configured: a, args: `MAC=${b}`, runtimeConfig: c, stronger: "configured" }, c],
  ["lower case with colons", { args: "", runtimeConfig: "02-00-00-00-00-0C", stronger: "args" }, c],
];
for (const [name, sources, expected] of rows) mac(`is ${name}`, () => assert.is(requestedMac(sources), expected));

const refused: readonly (readonly [MacSources, number, string])[] = [
  [{ configured: "blue", args: "", stronger: "args" }, code.invalidConfig, 'Cannot use mac: "blue" is no MAC'],
  [{ configured: a, args: "MAC=blue", stronger: "args" }, code.invalidEnvironment,
    'Cannot use CNI_ARGS MAC: "blue" is no MAC'],
  [{ configured: a, args: `MAC=${b}`, runtimeConfig: "blue", stronger: "args" }, code.invalidConfig,
    'Cannot use runtimeConfig.mac: "blue" is no MAC'],
];
for (const [sources, number, words] of refused) {
  mac(`refuses text that is no MAC: ${words}`, () => assert.ok(throws(() => requestedMac(sources),
    number).message.startsWith(words)));
}
mac("refuses unknown keys of CNI_ARGS", () => void throws(() => requestedMac({ args: "POD=x", stronger: "args" }),
  code.invalidEnvironment));
mac.run();
