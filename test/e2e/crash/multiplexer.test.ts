// The multiplexer, killed at a system call of ADD or DEL: what comes after leaves the node as it was.
import { multiplexed } from "../../helpers/killed/subjects.ts";
import { canKill, sweepSuite } from "../../helpers/killed/sweep.ts";

const killed = sweepSuite("a killed multiplexer", import.meta.url,
  { subjects: multiplexed, needs: ["nft_nat", "macvlan", "ipv6"] });
if (canKill("a killed multiplexer")) killed.run();
