// Plugins that make an interface, killed at a system call of ADD or DEL: what comes after leaves the node as it was.
import { interfaces } from "../../helpers/killed/subjects.ts";
import { canKill, sweepSuite } from "../../helpers/killed/sweep.ts";

const killed = sweepSuite("a killed plugin", import.meta.url,
  { subjects: interfaces, needs: ["nft_nat", "macvlan", "ipv6", "vxlan"] });
if (canKill("a killed plugin")) killed.run();
