// One fresh process, started as the executable is: a module asked for an address. Arguments: the directory of the
// built-in modules, then, for a foreign one, the directory it is installed in and its name. Prints milliseconds as
// JSON: everything from finding the module to its checked answer, and the median of later calls.
import { writeSync } from "node:fs";
import { AddressList, parseAddress, takenView } from "../../src/net/index.ts";
import type { AllocateDecision, AllocateRequest } from "../../src/ipam/index.ts";
import { openModules } from "../../src/wasm/index.ts";
import { summarize } from "./statistics.ts";

/**
 * All of the executable is in the script, as when it starts in earnest: the engine's memory is laid out by what was
 * loaded.
 */
export { serve } from "../../src/service/index.ts";

const laterCalls = 500;
const [builtIn = "", directory = "", module = ""] = process.argv.slice(3);
const span = { first: parseAddress("10.1.2.1"), last: parseAddress("10.1.2.254") };
const taken = new AddressList(1);
taken.add(0, 0, 0, 0x0a01_0201); // the gateway, as the store would say
const view = takenView(span, taken);
const range = { set: 0, ...span, gateway: parseAddress("10.1.2.1"), prefixBits: 24, subnet: "10.1.2.0/24", view };
const request: AllocateRequest = {
  attempt: 0, attachment: { containerId: "c1", ifName: "eth0", network: "bench", mac: null }, config: {}, requested: [],
    mine: [],
  ranges: [range], pod: { namespace: "default", name: "web-0", uid: "" },
};

const since = (start: bigint): number => Number(process.hrtime.bigint() - start) / 1e6;

async function main(): Promise<void> {
  const start = process.hrtime.bigint();
  const call = await openCall();
  const decision = call();
  const coldMs = since(start);
  if (decision.ips.length !== 1) throw new Error("the module gave no address");
  const times = Array.from({ length: laterCalls }, () => {
    const begin = process.hrtime.bigint();
    call();
    return since(begin);
  });
  writeSync(1, JSON.stringify({ coldMs, warmMs: summarize(times).medianMs }));
}

async function openCall(): Promise<() => AllocateDecision> {
  const modules = openModules(builtIn, { directory });
  if (module === "") return () => modules.allocate("host-local", request);
  const loaded = await modules.load({ module, trusted: false });
  const problem = await loaded.checkConfig({});
  if (problem !== undefined) throw new Error(problem);
  return () => loaded.allocate(request);
}

void main();
