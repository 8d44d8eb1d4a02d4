import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import type { MacSources } from "../../../src/plugins/interface/mac.ts";
import { refuseUnfitMac, requestedEthernetMac, requestedMac } from "../../../src/plugins/interface/mac.ts";
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

const fit = suite("a MAC of a link");
const long = "02:00:00:00:00:00:00:01", longest = `${long}:${long}:03:04:05:06`, group = "01:00:5e:00:00:01";
const unfit: readonly (readonly [Partial<MacSources>, key: string, is: string])[] = [
  [{ configured: long }, "mac", `${long} has 8 bytes, expected 6 as such a link's address has`],
  [{ args: `MAC=${longest}` }, "CNI_ARGS MAC", `${longest} has 20 bytes`],
  [{ runtimeConfig: "0200.0000.0000.0001" }, "runtimeConfig.mac", `${long} has 8 bytes`],
  [{ runtimeConfig: group }, "runtimeConfig.mac", `${group} is a group's, expected the address of a single interface`],
  [{ configured: "ff:ff:ff:ff:ff:ff" }, "mac", "ff:ff:ff:ff:ff:ff is a group's"],
  [{ args: "MAC=00:00:00:00:00:00" }, "CNI_ARGS MAC", "00:00:00:00:00:00 is nobody's"],
];
for (const [sources, key, is] of unfit) {
  fit(`that is Ethernet's is not ${is}`, () => {
    const all: MacSources = { args: "", stronger: "args", ...sources };
    assert.ok(requestedMac(all));
    const { message } = throws(() => requestedEthernetMac(all), code.invalidConfig);
    assert.ok(message.startsWith(`Cannot use ${key}: ${is}`), message);
  });
}
fit("is as long as the link's own", () => {
  for (const one of [longest, `00:${longest.slice(3)}`, `01:${longest.slice(3)}`])
    refuseUnfitMac({ key: "mac", mac: one }, 20);
  throws(() => refuseUnfitMac({ key: "mac", mac: a }, 20), code.invalidConfig);
  assert.is(requestedEthernetMac({ configured: a, args: "", stronger: "args" }), a);
  assert.is(requestedEthernetMac({ args: "", stronger: "args" }), undefined);
});
fit.run();
