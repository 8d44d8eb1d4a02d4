// Judged by node:crypto, which the plugins avoid only because it is slow to load.
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sha512Hex } from "../../../src/plugins/packet-rules/sha512.ts";

const hash = suite("sha512Hex");

hash("agrees with node:crypto for every length around one and two blocks", () => {
  for (let length = 0; length <= 260; length++) {
    const text = "abcdefg".repeat(40).slice(0, length);
    assert.is(sha512Hex(text), createHash("sha512").update(text).digest("hex"), `${length} bytes`);
  }
});

hash("hashes UTF-8", () => {
  assert.is(sha512Hex("grün→∞"), createHash("sha512").update("grün→∞").digest("hex"));
});

hash("gives as many digits as are asked for", () => {
  for (const digits of [1, 16, 21, 128]) assert.is(sha512Hex("abc", digits), sha512Hex("abc").slice(0, digits));
});

hash.run();
