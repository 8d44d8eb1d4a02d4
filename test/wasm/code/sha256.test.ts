// src/wasm/code/sha256.ts against another implementation, and its bytes against their source.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sameDigest, sha256Hex, sha256Module } from "../../../src/wasm/code/sha256.ts";

const hash = suite("sha256Hex");

hash("agrees with OpenSSL at every length around a block's, and at the longest", () => {
  const any = Uint8Array.from({ length: 512 * 1024 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  for (const length of [...Array(200).keys(), 11_000, any.length]) {
    const bytes = any.subarray(0, length);
    assert.is(sha256Hex(bytes), createHash("sha256").update(bytes).digest("hex"), `${length} bytes`);
  }
});

hash("comes from the source that is said to be its own", async () => {
  const written = new Map<string, string | Uint8Array>();
  // Its declarations would bring a browser's console into every file.
  const specifier = "assemblyscript/asc";
  const { main } = await import(specifier) as { main(options: readonly string[],
    io: object): Promise<{ readonly error: unknown }> };
  const folder = join(import.meta.dirname, "..", "..", "..", "wasm-plugins", "sha256");
  const { error } = await main(["sha256.ts", "-O3", "--runtime", "stub", "--initialMemory", "9", "--baseDir", folder,
    "--outFile", "sha256.wasm"], {
    writeFile: (name: string, contents: string | Uint8Array) => void written.set(name, contents),
  });
  assert.is(error, null);
  assert.equal(Buffer.from(written.get("sha256.wasm") ?? ""), Buffer.from(sha256Module, "base64"));
});

hash.run();

const same = suite("sameDigest");
same("compares whole texts", () => {
  assert.ok(sameDigest("00ff", "00ff"));
  for (const other of ["00fe", "10ff", "00f", "00ff0", ""]) assert.not.ok(sameDigest("00ff", other), other);
});
same.run();
