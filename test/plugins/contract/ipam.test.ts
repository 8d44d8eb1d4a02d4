import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { isDelegating } from "../../../src/plugins/contract/ipam.ts";
import type { AddContext, DelContext, PluginRequest } from "../../../src/plugins/index.ts";
import { builtIn } from "../../../src/plugins/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { addWith } from "../../helpers/handles.ts";

const nesting = suite("ipam.type of a plugin that gives no addresses");

const askers = [...builtIn.values()].filter(({ ipam }) => isDelegating(ipam));
const silent = [...builtIn.values()].filter(({ ipam }) => ipam !== undefined && ipam !== "provider");

// Such a plugin would ask itself for addresses, again and again, or answer with nothing.
const released: string[] = [];
const handles = {
  plugin: (type: string) => builtIn.get(type),
  get container() { throw new Error("nothing is touched"); },
  containerIfPresent: undefined,
  alone: async () => undefined,
  host: { links: { list: () => [] } },
  teardown: { before() {}, deleteLink() {}, after: (what: string, step: () => Promise<void>) => {
    released.push(what);
    pending.push(step());
  } },
} as unknown as AddContext & DelContext;
const pending: Promise<void>[] = [];

function requestOf(type: string, ipamType: string): PluginRequest {
  return {
    attachment: { containerId: "c", netns: "/n", ifName: "eth0", args: "", path: [] },
    conf: { cniVersion: "1.1.0", name: "blue", type, device: "eth9", master: "eth9", vni: 5,
      peers: ["192.0.2.1"], ipam: { type: ipamType } },
    prevResult: undefined,
  };
}

nesting("is known of those that are built in", () => {
  for (const type of ["bridge", "macvlan", "host-device"])
    assert.ok(askers.some((plugin) => plugin.type === type), type);
  for (const type of ["bridge", "macvlan", "host-device", "portmap", "loopback"])
    assert.ok(silent.some((plugin) => plugin.type === type), type);
});

for (const { type } of askers) {
  for (const { type: ipamType } of silent) {
    nesting(`is refused by ${type} for ${ipamType}, alone as in a list`, async () => {
      const plugin = builtIn.get(type), request = requestOf(type, ipamType);
      assert.ok(plugin);
      const asked = [() => addWith(plugin, request, handles), () => plugin.check(request, handles),
        () => plugin.status(request, handles)];
      for (const ask of asked) {
        assert.is((await rejects(ask(), code.invalidConfig)).message, `Cannot use network "blue": ipam.type is ` +
          `"${ipamType}", which gives no addresses; expected the type of an IPAM plugin`);
      }
    });

    nesting(`keeps no attachment of ${type} from being deleted and collected, with ${ipamType}`, async () => {
      const plugin = builtIn.get(type), request = requestOf(type, ipamType);
      assert.ok(plugin);
      await plugin.del(request, handles);
      assert.ok(released.splice(0).includes('release the addresses of interface "eth0"'));
      await Promise.all(pending.splice(0));
      await plugin.gc({ ...request, validAttachments: undefined }, handles);
    });
  }
}
nesting.run();
