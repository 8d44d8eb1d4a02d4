// portmap DEL that is not told the mappings any more, and GC: the rules tell whose they are, judged by nft.
import * as assert from "uvu/assert";
import { portmap } from "../../../src/plugins/portmap/index.ts";
import { addWith } from "../../helpers/handles.ts";
import { call, firewallContext, requestOf } from "../../helpers/firewall.ts";
import { kernelSuite, nftJson, run } from "../../helpers/netns.ts";

const forget = kernelSuite("portmap without mappings", import.meta.url, { needs: ["nft_nat"] });

const portMappings = [
  { hostPort: 8080, containerPort: 80, protocol: "tcp" }, { hostPort: 8081, containerPort: 81, protocol: "udp" },
];
const prevResult = { interfaces: [{ name: "eth0", sandbox: "/run/netns/c" }],
  ips: [{ interface: 0, address: "10.0.0.2/24" }, { interface: 0, address: "2001:db8::2/64" }], routes: [], dns: {} };
const withPorts = (backend: string | undefined): Readonly<Record<string, unknown>> => ({
  ...(backend === undefined ? {} : { backend }), runtimeConfig: { portMappings } });

/** The containers' own rules of both backends, as `family chain`. */
const own = (): readonly string[] => nftJson("list ruleset").flatMap(({ rule }) =>
  rule !== undefined && (rule.chain.startsWith("CNI-DN-") || rule.comment !== undefined) && rule.table !== "filter"
    && !/^CNI-HOSTPORT|^POSTROUTING/.test(rule.chain) ? [`${rule.family} ${rule.chain} ${rule.comment ?? ""}`] : []);
const add = async (conf: Readonly<Record<string, unknown>>, more: object = {}): Promise<void> =>
  call(portmap, "add", { conf, prevResult, ...more });

for (const backend of ["iptables", "nftables", undefined] as const) {
  forget(`takes away the rules all the same, of ${backend ?? "the default backend"} and of that container only`,
    async () => {
    const conf = withPorts(backend), bare = backend === undefined ? {} : { backend };
    await add(conf);
    await add(conf, { containerId: "5678" });
    const both = own();
    assert.ok(both.length >= 8, both.join("; "));
    for (let i = 0; i < 2; i++) {
      await call(portmap, "del", { conf: bare });
      assert.is(own().length, both.length / 2);
    }
    await call(portmap, "del", { conf: { ...bare, runtimeConfig: { portMappings: [] } }, containerId: "5678" });
    assert.equal(own(), []);
  });
}

forget("forgets the UDP connections to the container, where prevResult says its addresses", async () => {
  const connection = (source: string, port: number, to: string) => run("conntrack", "-I", "-p", "udp", "-s", source,
    "-d", "192.0.2.1", "--sport", "1000", "--dport", `${port}`, "-r", to, "-q", source, "--reply-port-src", "81",
    "--reply-port-dst", "1000", "-t", "100");
  const seen = () => run("sh", "-c", "conntrack -L 2>/dev/null").split("\n").flatMap((line) =>
    /src=(\S+) dst=192\.0\.2\.1/.exec(line)?.[1] ?? []).toSorted();
  await add(withPorts("nftables"));
  connection("10.9.0.1", 8081, "10.0.0.2");
  connection("10.9.0.2", 9999, "10.0.0.2"); // of a mapping that nobody knows any more
  connection("10.9.0.3", 8081, "10.0.0.7"); // another container's
  for (const containerId of ["never", "1234"])
    await call(portmap, "del", { conf: { backend: "nftables" }, prevResult, containerId });
  assert.equal(seen(), ["10.9.0.3"]);
  connection("10.9.0.4", 8081, "10.0.0.2");
  await call(portmap, "del", { conf: { backend: "nftables" }, prevResult });
  assert.equal(seen(), ["10.9.0.3", "10.9.0.4"], "nothing was found, so nothing is looked for");
});

forget("with nftables leaves those of the container's other network, which has a DEL of its own", async () => {
  const conf = withPorts("nftables");
  await add(conf);
  const one = own();
  await add(conf, { network: "second" });
  await call(portmap, "del", { conf: { backend: "nftables" }, network: "second" });
  assert.equal(own(), one);
  await call(portmap, "check", { conf, prevResult });
  // Those of the reference do not tell their network.
  await call(portmap, "del", { conf: { backend: "nftables" } });
  assert.equal(own(), []);
  run("nft", "add", "rule", "ip", "cni_hostport", "hostports", "tcp", "dport", "1", "dnat", "to", "10.0.0.2:1",
    "comment", '"1234"');
  await call(portmap, "del", { conf: { backend: "nftables" } });
  assert.equal(own(), []);
});

forget("asks no tool and needs none where the container never had any, whatever the configuration says", async () => {
  await add(withPorts("iptables"), { containerId: "5678" });
  await add(withPorts("nftables"), { containerId: "5678" });
  const before = run("nft", "list", "ruleset");
  for (const conf of [{}, { backend: "iptables" }, { backend: "nftables" }, { backend: "nonsense" }]) {
    const context = firewallContext();
    const tool = (): never => { throw new Error("a tool was asked"); };
    const iptables = { ...context.iptables, save: tool, change: tool, restore: tool, usable: tool };
    try {
      await portmap.del(requestOf(portmap, { conf }), Object.assign(Object.create(context) as typeof context,
        { iptables: { ...iptables, present: () => false } }));
      await portmap.del(requestOf(portmap, { conf }), Object.assign(Object.create(context) as typeof context,
        { iptables }));
    } finally {
      context.close();
    }
  }
  await call(portmap, "del", { conf: { runtimeConfig: { portMappings: "broken" } } });
  assert.is(run("nft", "list", "ruleset"), before);
  await call(portmap, "del", { conf: {}, containerId: "5678" });
  await call(portmap, "del", { conf: { backend: "nftables" }, containerId: "5678" });
});

forget("GC takes away what containers of this network left with nftables, and nothing else", async () => {
  const conf = withPorts("nftables"), context = firewallContext();
  try {
    for (const more of [{}, { containerId: "5678" }, { network: "second", containerId: "9" }])
      await addWith(portmap, { ...requestOf(portmap, { conf, ...more }), prevResult }, context);
    run("nft", "add", "rule", "ip", "cni_hostport", "hostports", "tcp", "dport", "1", "dnat", "to", "10.0.0.2:1",
      "comment", '"77"');
    const valid = [{ containerID: "5678", ifname: "eth0" }];
    await portmap.gc({ ...requestOf(portmap, {}), validAttachments: valid }, context);
    const left = new Set(own().map((line) => line.split(" ")[2]));
    assert.equal([...left].sort(), ["5678", "77", "9"]);
    await portmap.gc({ ...requestOf(portmap, {}), validAttachments: [] }, context);
    assert.equal([...new Set(own().map((line) => line.split(" ")[2]))].sort(), ["77", "9"]);
  } finally {
    context.close();
  }
});
forget.run();
