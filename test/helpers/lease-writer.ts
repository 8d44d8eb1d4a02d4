/**
 * A process that takes and gives up addresses of 10.0.0.0/16 in one network: `lease-writer.ts <dataDir> <id> <steps>`.
 * After each ADD and before each DEL it looks whether the reservation is its own; it prints the addresses it keeps.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hostLocal } from "../../src/plugins/host-local/index.ts";
import { add, del } from "./ipam.ts";
import { random } from "./random.ts";

const [dataDir = "", id = "", steps = "0"] = process.argv.slice(2);
const any = random([...id].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7));
const held = new Map<string, string>();

for (let step = 0; step < Number(steps); step++) {
  const [containerId, address] = [...held][any.below(held.size + 1)] ?? [];
  if (containerId !== undefined && address !== undefined && any.once(2)) {
    expectOwn(containerId, address);
    await del(hostLocal, callOf(containerId));
    held.delete(containerId);
    continue;
  }
  const next = `${id}-${step}`;
  const { ips } = await add(hostLocal, callOf(next));
  const given = ips[0]?.address.split("/")[0] ?? "";
  expectOwn(next, given);
  held.set(next, given);
}
for (const [containerId, address] of held) expectOwn(containerId, address);
console.log(JSON.stringify([...held.values()]));

function callOf(containerId: string) {
  return { containerId, conf: { ipam: { type: "host-local", dataDir, subnet: "10.0.0.0/16" } } };
}

function expectOwn(containerId: string, address: string): void {
  const content = readFileSync(join(dataDir, "mynet", address), "utf8");
  if (content !== `${containerId}\r\neth0`) throw new Error(`${address} is of ${JSON.stringify(content)}, expected ` +
    `${containerId}`);
}
