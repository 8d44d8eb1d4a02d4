import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interfaceNameProblem, isIdentifier, isInterfaceName } from "../../src/net/index.ts";

const interfaceName = suite("isInterfaceName");

for (const name of ["a", "eth0", "net1", "eth0.100", "...", "fifteen-bytes-x", "a\ufeffb", "ééééééé", "-", "_"]) {
  interfaceName(`takes ${name}`, () => assert.is(isInterfaceName(name), true));
}

for (const name of ["", ".", "..", "sixteen-bytes-xx", "éééééééé", "a/b", "a:b", "a b", "a\tb", "a\n", "a\u00a0b",
  "a\u0085b", "a\u3000", "a\0b", "a%d", "a%"]) {
  interfaceName(`refuses ${JSON.stringify(name)} and says why`, () => {
    assert.is(isInterfaceName(name), false);
    assert.type(interfaceNameProblem(name), "string");
  });
}

interfaceName.run();

const identifier = suite("isIdentifier");

for (const text of ["a", "0", "a.b_c-d", "cnitool-7b8a61d5d8e94d07cbe4", "A".repeat(300)]) {
  identifier(`takes ${text.slice(0, 30)}`, () => assert.is(isIdentifier(text), true));
}

for (const text of ["", "-a", ".a", "..", "_a", "a/b", "../a", "a%", "a b", "a\n", "é", "a\0"]) {
  identifier(`refuses ${JSON.stringify(text)}`, () => assert.is(isIdentifier(text), false));
}

identifier.run();
