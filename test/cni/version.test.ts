import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CniError, allVersions, chooseVersion, compareVersions, printAbout, printVersions, requireVersion,
} from "../../src/cni/index.ts";

const compare = suite("compareVersions");

for (const [a, b, sign] of [
  ["0.4.0", "0.3.1", 1], ["0.3.1", "0.4.0", -1], ["1.0.0", "1.0.0", 0], ["1", "1.0.0", 0], ["1.1", "1.1.0", 0],
    ["", "0.1.0", 0],
  ["0.10.0", "0.9.0", 1], ["99.0.0", "1.1.0", 1], ["0.0.0", "", -1],
] as const) {
  compare(`${JSON.stringify(a)} against ${JSON.stringify(b)} is ${sign}`,
    () => assert.is(Math.sign(compareVersions(a, b)), sign));
}

for (const text of ["a", "1.", ".1", "1.2.3.4", "1.2.x", "-1", "+1", " 1", "1.0.0 ", "1..0", "0x1", "1e3",
  "9".repeat(40)]) {
  compare(`refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => compareVersions("1.0.0", text), (error: unknown) => error instanceof CniError
      && error.code === 6);
  });
}

compare.run();

const require = suite("requireVersion");
const since040 = ["0.4.0", "1.0.0", "1.1.0"];

for (const [verb, config, supported, code] of [
  ["ADD", "0.3.1", allVersions, 0],
  ["ADD", "", allVersions, 0],
  ["ADD", "", since040, 1],
  ["DEL", "0.3.1", since040, 1],
  ["ADD", "1.2.0", allVersions, 1],
  ["ADD", "1.1", allVersions, 1],
  ["ADD", "garbage", allVersions, 1],
  ["CHECK", "0.4.0", allVersions, 0],
  ["CHECK", "0.3.0", allVersions, 1],
  ["CHECK", "", allVersions, 1],
  ["CHECK", "0.4.0", ["0.1.0", "0.3.1"], 1],
  ["CHECK", "0.4.0", ["1.0.0"], 1],
  ["CHECK", "garbage", allVersions, 6],
  ["CHECK", "0.4.0", ["garbage"], 6],
  ["GC", "1.1.0", allVersions, 0],
  ["GC", "1.0.0", allVersions, 1],
  ["GC", "1.1.0", ["1.0.0"], 1],
  ["GC", "1.1.0", ["garbage"], 6],
  ["GC", "1.x", allVersions, 6],
  ["STATUS", "1.1.0", allVersions, 0],
  ["STATUS", "1.0.0", allVersions, 1],
  ["STATUS", "1.1.0", ["0.4.0", "1.0.0"], 1],
  ["STATUS", "x", allVersions, 6],
] as const) {
  require(`${code === 0 ? "lets" : `answers ${code} when`} a plugin of ${supported.join(" ")} serve ${verb} for ` +
    `${JSON.stringify(config)}`, () => {
    if (code === 0) requireVersion(verb, config, supported);
    else assert.throws(() => requireVersion(verb, config, supported),
      (error: unknown) => error instanceof CniError && error.code === code);
  });
}

require("names both sides in the details", () => {
  assert.throws(() => requireVersion("ADD", "", since040), (error: unknown) =>
    error instanceof CniError && error.details === 'config is "0.1.0", plugin supports 0.4.0, 1.0.0, 1.1.0');
});

require.run();

const choose = suite("chooseVersion");

for (const [cniVersion, cniVersions, chosen] of [
  ["0.4.0", undefined, "0.4.0"],
  ["99.0.0", undefined, "99.0.0"],
  ["", undefined, ""],
  ["0.4.0", ["0.3.1", "1.0.0"], "1.0.0"],
  ["1.1.0", ["0.3.1", "1.0.0"], "1.1.0"],
  ["", ["0.3.1", "1.1.0", "99.0.0"], "1.1.0"],
  ["99.0.0", ["99.1.0"], "99.0.0"],
  ["99.0.0", ["0.4.0"], "0.4.0"],
  ["", [], ""],
] as const) {
  choose(`of ${JSON.stringify(cniVersion)} and ${JSON.stringify(cniVersions)} is ${JSON.stringify(chosen)}`,
    () => assert.is(chooseVersion(cniVersion, cniVersions), chosen));
}

choose("refuses an entry that is no version", () => {
  assert.throws(() => chooseVersion("1.0.0", ["1.0.0", "newest"]),
    (error: unknown) => error instanceof CniError && error.code === 6);
});

choose.run();

const print = suite("printVersions");

print("is one compact line, in the library's own version", () => {
  assert.is(printVersions(["0.4.0", "1.0.0"]), '{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0"]}\n');
});

print("printAbout says who it is and what it speaks", () => {
  assert.is(printAbout("CNI bridge plugin 1", ["0.4.0", "1.0.0"]),
    "CNI bridge plugin 1\nCNI protocol versions supported: 0.4.0, 1.0.0\n");
});

print.run();
