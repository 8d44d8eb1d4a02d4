// Chains of plugins, killed at a system call of ADD or DEL: what comes after leaves the node as it was.
import { chains } from "../../helpers/killed/subjects.ts";
import { canKill, sweepSuite } from "../../helpers/killed/sweep.ts";

const killed = sweepSuite("a killed chain", import.meta.url, { subjects: chains, needs: ["nft_nat", "ipv6"] });
if (canKill("a killed chain")) killed.run();
