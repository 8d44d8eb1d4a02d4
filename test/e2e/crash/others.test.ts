// Plugins whose links this kernel may lack, killed at a system call: what comes after leaves the node as it was.
import { others } from "../../helpers/killed/subjects.ts";
import { canKill, isWhole, sweepSuite } from "../../helpers/killed/sweep.ts";

const killed = sweepSuite("a killed plugin of another kernel", import.meta.url,
  // User-mode Linux takes a minute for each.
  { subjects: isWhole ? others : others.slice(0, 1), needs: ["vlan", "ipvlan", "dummy", "vrf", "ipv6"] });
if (canKill("a killed plugin of another kernel")) killed.run();
