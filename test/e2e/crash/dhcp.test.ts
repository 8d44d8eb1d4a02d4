// Plugins with an address by DHCP, killed at a system call of ADD or DEL: the daemon and the server keep no lease.
import { isInstalled } from "../../helpers/dhcp/network.ts";
import { leased } from "../../helpers/killed/subjects.ts";
import { canKill, sweepSuite } from "../../helpers/killed/sweep.ts";

const killed = sweepSuite("a killed plugin with dhcp", import.meta.url, { subjects: leased, needs: ["macvlan"] });
if (canKill("a killed plugin with dhcp") && isInstalled("dnsmasq", "a killed plugin with dhcp")) killed.run();
