// What an API server on loopback adds to the ADD and DEL of a pod: the same four networks, one of the node's and three
// of the pod's annotation, against four of the configuration. Pairs of whole processes, in turns.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { cniVersion, plainBridges } from "./cases.ts";
import { ms, ratio, summarize, table, timeMs } from "./statistics.ts";
import { makeContainer, removeContainer } from "./whole-process.ts";

const namespace = "bench", name = "pod", goalMs = 60;

/** @param bin  the folder of the executable */
export async function comparePods(bin: string, rounds: number): Promise<string> {
  const api = await startApiServer();
  try {
    const times = await measure(bin, api, rounds);
    const rows = (["ADD", "DEL"] as const).map((verb) => {
      const [without, withApi] = [times.get(`${verb} plain`),
        times.get(`${verb} pod`)].map((all) => summarize(all ?? []).medianMs);
      const more = (withApi ?? Number.NaN) - (without ?? Number.NaN);
      return [`${verb} 4 networks`, ms(without ?? Number.NaN), ms(withApi ?? Number.NaN), ms(more),
        verb === "ADD" ? ms(goalMs) : "", ratio(withApi ?? Number.NaN, without ?? Number.NaN)];
    });
    return table(["", "inline ms", "3 of them by annotation ms", "more ms", "goal ms", "ratio"], rows);
  } finally {
    await api.stop();
  }
}

async function measure(bin: string, api: ApiServer, rounds: number): Promise<ReadonlyMap<string, readonly number[]>> {
  const networks = plainBridges(4).map((network) => ({ cniVersion, ...network }));
  for (const network of networks.slice(1)) await api.putDefinition({ namespace, name: network.name, config: network });
  const shared = { cniVersion, name: "bench", type: "polynic", binDir: bin };
  const confs = {
    plain: { ...shared, delegates: networks },
    pod: { ...shared, delegates: networks.slice(0, 1), kubeconfig: api.kubeconfig },
  };
  const times = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const [kind, conf] of Object.entries(confs)) {
      await api.putPod({ namespace, name,
        annotations: { "k8s.v1.cni.cncf.io/networks": networks.slice(1).map((network) => network.name).join(",") } });
      const netns = makeContainer();
      for (const verb of ["ADD", "DEL"]) {
        const tookMs = timeMs(() => call(bin, verb, { conf, netns, containerId: `bench-${kind}-${round}` }));
        if (round > 0) times.set(`${verb} ${kind}`, [...times.get(`${verb} ${kind}`) ?? [], tookMs]);
      }
      removeContainer();
    }
  }
  return times;
}

function call(bin: string, verb: string, { conf, netns,
  containerId }: { readonly conf: object; readonly netns: string; readonly containerId: string }): void {
  const env = {
    PATH: process.env["PATH"] ?? "", CNI_COMMAND: verb, CNI_CONTAINERID: containerId, CNI_NETNS: netns,
      CNI_IFNAME: "eth0", CNI_PATH: bin,
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}`,
  };
  const child = spawnSync(join(bin, "polynic"), [], { input: JSON.stringify(conf), env, encoding: "utf8",
    timeout: 30_000 });
  if (child.status !== 0) throw new Error(`${verb} failed: ${child.stdout}${child.stderr}`);
}
