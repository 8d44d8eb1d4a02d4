// ADD and DEL as a warm process serves them: the multiplexer called as a library with the handles it has in earnest,
// beside the floor in turns. Starting is not measured: like a daemon, the process keeps its compiled WASM modules and
// its socket in the host's namespace.
import type { Warm } from "../../src/call/index.ts";
import { openHandles, openLog, openWarm } from "../../src/call/index.ts";
import { add, del, parseMuxConf, withContainerLock } from "../../src/mux/index.ts";
import type { MuxCommand } from "../../src/mux/index.ts";
import { builtModules } from "../helpers/wasm.ts";
import { cniVersion, plainBridges } from "./cases.ts";
import { openFloor } from "./floor.ts";
import { ms, ratio, summarize, table, timeMs } from "./statistics.ts";
import { makeContainer, removeContainer } from "./whole-process.ts";

/** Rounds nobody counts: V8 compiles what it finds to be used often. */
const warmUpRounds = 30;


/** A table of medians of ADD and DEL of 1, 3 and 8 plain bridge networks, and their ratio to the floor. */
export async function compareWithFloor(count: number): Promise<string> {
  const rows: string[][] = [];
  const warm = openWarm();
  for (const networks of [1, 3, 8]) {
    const times = { add: [] as number[], del: [] as number[], floorAdd: [] as number[], floorDel: [] as number[] };
    for (let round = -warmUpRounds; round < count; round++) {
      const netns = makeContainer();
      const call = command(networks, netns, warm);
      const addMs = await timeAsyncMs(() => add(call)), delMs = await timeAsyncMs(() => del(call));
      const floor = openFloor(netns, plainBridges(networks).map(({ name }) => name));
      const floorAddMs = timeMs(floor.add), floorDelMs = timeMs(floor.del);
      floor.close();
      removeContainer();
      if (round < 0) continue;
      times.add.push(addMs);
      times.del.push(delMs);
      times.floorAdd.push(floorAddMs);
      times.floorDel.push(floorDelMs);
    }
    for (const [verb, own, floor] of [["ADD", times.add, times.floorAdd],
      ["DEL", times.del, times.floorDel]] as const) {
      const ownMs = summarize(own).medianMs, floorMs = summarize(floor).medianMs;
      rows.push([`${verb} ${networks} bridge network${networks === 1 ? "" : "s"}`, ms(ownMs), ms(floorMs),
        ratio(ownMs, floorMs)]);
    }
  }
  warm.close();
  return table(["", "in-process ms", "kernel alone ms", "ratio"], rows);
}

function command(networks: number, netns: string, warm: Warm): MuxCommand {
  const path = ["/nonexistent"];
  const conf = { cniVersion, name: "bench", type: "polynic",
    delegates: plainBridges(networks).map((network) => ({ cniVersion, ...network })) };
  const config = parseMuxConf(conf, { invokedAs: "polynic", verb: "ADD" });
  const surroundings = { env: {}, tell: () => {} };
  const log = openLog(config.log, surroundings.tell);
  return {
    conf: config,
    attachment: { containerId: "in-process", netns, ifName: "eth0", args: "", path },
    validAttachments: undefined,
    env: {}, version: "0.0.0",
    openHandles: (netns) => openHandles({ netns, path, execute: [], modules: builtModules, warm, surroundings, log }),
    exclusively: (containerId, work) => withContainerLock({ cniDir: config.cniDir, containerId }, work),
  };
}

async function timeAsyncMs(work: () => Promise<unknown>): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}
