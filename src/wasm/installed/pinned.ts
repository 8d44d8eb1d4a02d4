import { CniError, code } from "../../cni/index.ts";
import { readOwnFile } from "../../os/index.ts";
import { sameDigest, sha256Hex } from "../code/sha256.ts";

/**
 * The bytes of a file that only root or we can have written and that has the digest it should have.
 *
 * @throws CniError 140, 141
 */
export function pinned(subject: string, path: string, sha256: string, limitBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = readOwnFile(path, { limitBytes, subject });
  if (bytes === undefined) throw new CniError(code.moduleNotFound, `Cannot find ${subject}: ${path} is not there`);
  const found = sha256Hex(bytes);
  if (sameDigest(found, sha256)) return bytes;
  throw new CniError(code.moduleDigest, `Cannot use ${subject}: ${path} has the digest ${found}, expected ${sha256}`);
}
