/** What looking on needs of programs. */
import { spawnSync } from "node:child_process";
import { findProgram } from "../../os/index.ts";
import type { ProcessEnvironment } from "../output.ts";
import type { NamespaceOptions } from "./namespace.ts";
import { listedRules } from "./nft.ts";

const nftLimitMs = 5_000;

/** Rules of the host as nft prints them; undefined without nft. */
export function ruleLister(environment: ProcessEnvironment): NamespaceOptions["listRules"] {
  const path = `${environment["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;
  const file = findProgram("nft", path.split(":").filter((directory) => directory !== ""));
  if (file === undefined) return undefined;
  return ({ family, table, chain }) => {
    const { status, stdout } = spawnSync(file, ["list", "chain", family, table, chain],
      { encoding: "utf8", timeout: nftLimitMs });
    return status === 0 ? listedRules(stdout) : [];
  };
}
