// The contract held against files.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileLeases } from "../../../src/store/index.ts";
import { leaseContract } from "./contract.ts";

leaseContract({
  title: "leases in files",
  shared: false,
  async start() {
    const dataDir = mkdtempSync(join(tmpdir(), "polynic-contract-"));
    return {
      open: (node) => openFileLeases({ dataDir, node }),
      close: async () => rmSync(dataDir, { recursive: true }),
    };
  },
}).run();
