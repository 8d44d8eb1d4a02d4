// Values that the kernel's format has no room for, and lists that are too long: refused with their key before anything
// is touched.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import type { AddContext } from "../../../src/plugins/index.ts";
import { builtIn } from "../../../src/plugins/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { addWith } from "../../helpers/handles.ts";

const bounds = suite("bounds of a configuration");

const route = (more: object): object => ({ ipam: { type: "static", addresses: [{ address: "10.1.2.3/24" }],
  routes: [{ dst: "10.9.0.0/16", ...more }] } });
const u32 = "expected an integer from 0 to 4294967295";
const rows: readonly (readonly [type: string, conf: object, words: string])[] = [
  ["bridge", route({ table: -1 }), `ipam.routes[0].table is -1, ${u32}`],
  ["macvlan", route({ table: 2 ** 32 }), `ipam.routes[0].table is 4294967296, ${u32}`],
  ["bridge", route({ priority: -5 }), `ipam.routes[0].priority is -5, ${u32}`],
  ["bridge", route({ mtu: -1 }), `ipam.routes[0].mtu is -1, ${u32}`],
  ["bridge", route({ advmss: 2 ** 40 }), `ipam.routes[0].advmss is 1099511627776, ${u32}`],
  ["bridge", route({ scope: 256 }), "ipam.routes[0].scope is 256, expected an integer from 0 to 255"],
  ["host-device", { device: "a\0b" }, 'device is "a\\u0000b", expected the name of a link, at most 127 bytes'],
  ["host-device", { device: "x".repeat(128) }, "expected the name of a link, at most 127 bytes"],
  ["host-device", { kernelpath: "/sys/devices/\0" }, 'kernelpath is "/sys/devices/\\u0000", expected a path'],
  ["macvlan", { master: "a\0b" }, 'master is "a\\u0000b", expected the name of a link'],
  ["ipvlan", { master: "a\0b" }, 'master is "a\\u0000b", expected the name of a link'],
  ["bridge", { mtu: 2 ** 32 }, "mtu is 4294967296, expected an integer"],
  ["bridge", { ipam: { type: "host-local", subnet: "10.1.0.0/16", dataDir: "a\0b" } }, "ipam.dataDir is"],
  ["bridge", { ipam: { type: "host-local", subnet: "10.1.0.0/16", resolvConf: "a\0b" } }, "ipam.resolvConf is"],
];

const many = <T>(count: number, entry: T): readonly T[] => Array.from({ length: count }, () => entry);
const keys = <T>(count: number, value: T): object =>
  Object.fromEntries(many(count, value).map((one, i) => [`k${i}`, one]));
const statically = (more: object): object =>
  ({ ipam: { type: "static", addresses: [{ address: "10.1.2.3/24" }] }, ...more });
const mapping = { hostPort: 8080, containerPort: 80, protocol: "tcp" };
const lists: readonly (readonly [type: string, conf: object, words: string])[] = [
  ["bridge", { ipam: { type: "static", addresses: many(4097, { address: "10.1.2.3/24" }) } },
    "ipam.addresses has 4097 entries, expected at most 4096"],
  ["bridge", statically({ args: { cni: { ips: many(4097, "10.1.2.3/24") } } }),
    "args.cni.ips has 4097 entries, expected at most 4096"],
  ["bridge", statically({ runtimeConfig: { ips: many(4097, "10.1.2.3/24") } }),
    "runtimeConfig.ips has 4097 entries, expected at most 4096"],
  ["bridge", { ipam: { type: "static", routes: many(65_537, { dst: "10.9.0.0/16" }) } },
    "ipam.routes has 65537 entries, expected at most 65536"],
  ["macvlan", { dns: { nameservers: many(4097, "10.1.2.1") } },
    "dns.nameservers has 4097 entries, expected at most 4096"],
  ["ptp", { dns: { search: many(4097, "a") } }, "dns.search has 4097 entries, expected at most 4096"],
  ["vlan", { master: "a", dns: { options: many(4097, "a") } }, "dns.options has 4097 entries, expected at most 4096"],
  ["dummy", { capabilities: keys(1001, true) }, "capabilities has 1001 keys, expected at most 1000"],
  ["tuning", { sysctl: keys(4097, "1") }, "sysctl has 4097 keys, expected at most 4096"],
  ["tuning", { args: { cni: { sysctl: keys(4097, "1") } } }, "args.cni.sysctl has 4097 keys, expected at most 4096"],
  ["portmap", { conditionsV4: many(4097, "a") }, "conditionsV4 has 4097 entries, expected at most 4096"],
  ["portmap", { runtimeConfig: { portMappings: many(32_769, mapping) } },
    "runtimeConfig.portMappings has 32769 entries, expected at most 32768"],
];
for (const [type, conf, words] of [...rows, ...lists]) {
  bounds(`${type}: ${words}`, async () => {
    const plugin = builtIn.get(type);
    assert.ok(plugin);
    // Nothing else is looked at before.
    const context = { plugin: (name: string) => builtIn.get(name) } as unknown as AddContext;
    const request = { attachment: { containerId: "c", netns: "/n", ifName: "eth0", args: "", path: [] },
      conf: { cniVersion: "1.1.0", name: "blue", type, ...conf }, prevResult: undefined };
    const { message } = await rejects(addWith(plugin, request, context), code.invalidConfig);
    assert.ok(message.startsWith(`Cannot read network "blue": `) && message.includes(words), message);
  });
}
bounds.run();
