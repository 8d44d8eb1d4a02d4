// dhcp against the servers that people run: ISC dhcpd, Kea, udhcpd; and fifty containers at once.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { bridge } from "../../../src/plugins/bridge/index.ts";
import type { DhcpNetwork, Program, RunningDaemon } from "../../helpers/dhcp/network.ts";
import { isInstalled, makeDhcpNetwork, startDhcpDaemon, startServer, untilSaid } from "../../helpers/dhcp/network.ts";
import { startOwnServer } from "../../helpers/dhcp/server.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, del } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns, until } from "../../helpers/netns.ts";

const kernel = kernelSuite("dhcp with other servers", import.meta.url);

let network: DhcpNetwork, daemon: RunningDaemon;
kernel.before(async () => {
  network = makeDhcpNetwork();
  daemon = await startDhcpDaemon(network, ["-resendtimeout", "60s"]);
});
kernel.after(() => network.remove());

function driven(container: TestNetns): Driven {
  return {
    plugin: bridge, netns: container.path, containerId: container.name,
    conf: { bridge: "br-dh", ipam: { type: "dhcp", daemonSocketPath: daemon.socket } },
  };
}

/** 10.9.0.0/16 via 10.77.0.7 and the default by 10.77.0.1, as option 121 spells them. */
const classless = [16, 10, 9, 10, 77, 0, 7, 0, 10, 77, 0, 1];

interface Server {
  readonly program: string;
  /** What it says when it has been given an address back; absent: it says nothing of it. */
  readonly released?: RegExp;
  start(file: string, leases: string): Promise<Program>;
}

const servers: readonly Server[] = [
  {
    program: "dhcpd", released: /DHCPRELEASE of 10\.77\.0\.\d+ .*\(found\)/,
    start(file, leases) {
      writeFileSync(leases, "");
      writeFileSync(file, `ping-check false; authoritative; option rfc3442 code 121 = array of unsigned integer 8;
        subnet 10.77.0.0 netmask 255.255.255.0 { range 10.77.0.50 10.77.0.99; option routers 10.77.0.1;
          option domain-name-servers 10.77.0.53; option domain-name "blue.example"; option interface-mtu 1400;
          option rfc3442 ${classless.join(", ")}; }`);
      return startServer(network, "dhcpd", ["-4", "-f", "-d", "-cf", file, "-lf", leases, "--no-pid", "e0"]);
    },
  },
  {
    program: "kea-dhcp4", released: /DHCP4_RELEASE |released/i,
    start(file) {
      const option = (name: string, data: string): object => ({ name, data });
      writeFileSync(file, JSON.stringify({ Dhcp4: {
        "interfaces-config": { interfaces: ["e0"], "dhcp-socket-type": "raw" },
        "lease-database": { type: "memfile", persist: false }, "valid-lifetime": 600,
        "option-def": [{ name: "rfc3442", code: 121, type: "binary" }],
        subnet4: [{ id: 1, subnet: "10.77.0.0/24", pools: [{ pool: "10.77.0.50 - 10.77.0.99" }], "option-data": [
          option("routers", "10.77.0.1"), option("domain-name-servers", "10.77.0.53"),
          option("domain-name", "blue.example"), option("interface-mtu", "1400"),
          { name: "rfc3442", "csv-format": false, data: Buffer.from(classless).toString("hex") },
        ] }],
        loggers: [{ name: "kea-dhcp4", severity: "DEBUG", debuglevel: 50, output_options: [{ output: "stdout" }] }],
      } }));
      return startServer(network, "kea-dhcp4", ["-c", file],
        { KEA_PIDFILE_DIR: network.directory, KEA_LOCKFILE_DIR: network.directory });
    },
  },
  {
    program: "udhcpd",
    start(file, leases) {
      writeFileSync(leases, "");
      writeFileSync(file, ["start 10.77.0.50", "end 10.77.0.99", "interface e0", `lease_file ${leases}`,
        `pidfile ${leases}.pid`, "option subnet 255.255.255.0", "option router 10.77.0.1", "option dns 10.77.0.53",
        "option domain blue.example", "option mtu 1400", "option lease 600",
        "option staticroutes 10.9.0.0/16 10.77.0.7, 0.0.0.0/0 10.77.0.1", ""].join("\n"));
      return startServer(network, "busybox", ["udhcpd", "-f", "-a", "0", file]);
    },
  },
];

for (const { program, released, start } of servers) {
  if (!isInstalled(program === "udhcpd" ? "busybox" : program, `dhcp with ${program}`)) continue;
  kernel(`${program} gives an address with all it has to tell, and DEL ends well`, async () => {
    const server = await start(join(network.directory, program), join(network.directory, `${program}.leases`));
    const container = makeNetns();
    try {
      const one = driven(container), result = await add(one);
      assert.match(result.ips[0]?.address ?? "", /^10\.77\.0\.\d+\/24$/);
      assert.equal(result.routes.map(({ dst, gw, mtu }) => [dst, gw, mtu]),
        [["10.9.0.0/16", "10.77.0.7", 1400], ["0.0.0.0/0", "10.77.0.1", 1400]]);
      assert.equal(result.dns, { nameservers: ["10.77.0.53"], domain: "blue.example" });
      await del({ ...one, prevResult: result });
      if (released !== undefined) await untilSaid(server, released);
    } finally {
      container.remove();
      await server.stop("SIGKILL");
    }
  });
}

kernel("fifty containers at once have an address each", async () => {
  const server = startOwnServer(network.server), containers = Array.from({ length: 50 }, () => makeNetns());
  // A real server would draw them; each is its container's by the number of its offer.
  let next = 50;
  const given = new Map<string, string>();
  server.addressOf = (mac) => {
    const address = given.get(mac) ?? `10.77.0.${next++}`;
    given.set(mac, address);
    return address;
  };
  try {
    const results = await Promise.all(containers.map((container) => add(driven(container))));
    assert.is(new Set(results.map(({ ips }) => ips[0]?.address)).size, 50);
    await Promise.all(containers.map((container) => del(driven(container))));
    await until("all releases", () => server.heard.filter((one) => one === "release").length === 50);
    const links = containers.flatMap((container) => ipJson("link show", container).map(({ ifname }) => ifname));
    assert.equal([...new Set(links)], ["lo"]);
  } finally {
    server.close();
    for (const container of containers) container.remove();
  }
});

kernel.run();
