import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { CniError, code, confSchema } from "../../../src/cni/index.ts";
import type { Call, PluginDefinition } from "../../../src/plugins/contract/define.ts";
import { definePlugin } from "../../../src/plugins/contract/define.ts";
import type { AddContext, DelContext, Handles, Plugin, PluginRequest } from "../../../src/plugins/index.ts";
import type { MacvlanConf } from "../../../src/plugins/macvlan/index.ts";
import { rejects } from "../../helpers/errors.ts";

const emptyResult: Result = { interfaces: [], ips: [], routes: [], dns: {} };

/** An IPAM plugin that writes down what it is asked, and gives that answer. */
function recorder(answer: Result): { readonly plugin: Plugin; readonly asked: [string, PluginRequest][] } {
  const asked: [string, PluginRequest][] = [];
  const note = (verb: string) => async (request: PluginRequest): Promise<void> => void asked.push([verb, request]);
  const plugin: Plugin = {
    type: "fake", versions: [],
    add: async (request) => {
      asked.push(["ADD", request]);
      return answer;
    },
    del: note("DEL"), check: note("CHECK"), status: note("STATUS"), gc: note("GC"),
  };
  return { plugin, asked };
}

function handlesWith(plugins: Readonly<Record<string, Plugin>>): AddContext & DelContext {
  const plugin = (type: string): Plugin => {
    const found = plugins[type];
    if (found === undefined) throw new CniError(code.executable, `Cannot find plugin "${type}"`);
    return found;
  };
  // definePlugin itself looks at nothing else.
  return { plugin } as unknown as AddContext & DelContext;
}

function requestWith(conf: object): PluginRequest {
  return {
    attachment: { containerId: "c", netns: "/n", ifName: "eth0", args: "", path: [] },
    conf: { cniVersion: "1.1.0", name: "blue", type: "probe", ...conf }, prevResult: undefined,
  };
}

/** A plugin that only passes its calls on, with macvlan's configuration. */
function probe(more: Partial<PluginDefinition<MacvlanConf>> = {}): { readonly plugin: Plugin; readonly calls: Call<Partial<MacvlanConf>>[] } {
  const calls: Call<Partial<MacvlanConf>>[] = [];
  const plugin = definePlugin<MacvlanConf>({
    type: "probe", versions: ["1.1.0"], schema: confSchema("macvlan"), delegatesIpam: true,
    add: async (call, context) => {
      calls.push(call);
      return await call.ipam?.add(context) ?? emptyResult;
    },
    del: async (call, context) => {
      calls.push(call);
      await call.ipam?.del(context);
    },
    check: async (call, handles: Handles) => {
      calls.push(call);
      await call.ipam?.check(handles);
    },
    ...more,
  });
  return { plugin, calls };
}

const define = suite("definePlugin");

define("judges a configuration once for an attachment, and again for another", async () => {
  let judged = 0;
  const { plugin, calls } = probe({ validate: () => void judged++ });
  const request = requestWith({ master: "uplink0" }), handles = handlesWith({});
  plugin.validate?.(request, handles);
  await plugin.add({ ...request, prevResult: emptyResult }, handles);
  assert.is(judged, 1);
  assert.is(calls[0]?.conf.master, "uplink0");
  assert.equal(calls[0]?.prevResult, emptyResult);
  await plugin.add({ ...request, attachment: { ...request.attachment, args: "IgnoreUnknown=1" } }, handles);
  assert.is(judged, 2);
});

define("reads the configuration, keys in any case", async () => {
  const { plugin, calls } = probe();
  await plugin.add(requestWith({ MTU: 1300, Mode: "vepa", unknown: [] }), handlesWith({}));
  assert.is(calls[0]?.conf.mtu, 1300);
  assert.is(calls[0]?.conf.mode, "vepa");
  assert.is(calls[0]?.network, "blue");
});

define("refuses for ADD, CHECK and STATUS what does not fit, naming the key", async () => {
  const { plugin } = probe();
  const request = requestWith({ mtu: "1300" });
  for (const promise of [plugin.add(request, handlesWith({})), plugin.check(request, handlesWith({})),
    plugin.status(request, handlesWith({}))]) {
    assert.match((await rejects(promise, code.invalidConfig)).message, /network "blue": mtu is "1300"/);
  }
});

define("reads for DEL and GC what fits", async () => {
  const collected: unknown[] = [];
  const { plugin, calls } = probe({ gc: async ({ conf }) => void collected.push(conf) });
  const request = requestWith({ mtu: "1300", mode: "bridgey", master: "eth7" });
  await plugin.del(request, handlesWith({}));
  await plugin.gc({ ...request, validAttachments: [] }, handlesWith({}));
  assert.equal([calls[0]?.conf.mtu, calls[0]?.conf.mode, calls[0]?.conf.master], [undefined, undefined, "eth7"]);
  assert.is(collected.length, 1);
});

define("hands IPAM the same request with every verb", async () => {
  const { plugin } = probe();
  const fake = recorder({ ...emptyResult, ips: [{ address: "10.0.0.2/24" }] });
  const handles = handlesWith({ fake: fake.plugin });
  const request = requestWith({ IPAM: { TYPE: "fake", subnet: "10.0.0.0/24" } });
  const validAttachments = [{ containerID: "c", ifname: "eth0" }];
  await plugin.add(request, handles);
  await plugin.del(request, handles);
  await plugin.check(request, handles);
  await plugin.status(request, handles);
  await plugin.gc({ ...request, validAttachments }, handles);
  assert.equal(fake.asked.map(([verb]) => verb), ["ADD", "DEL", "CHECK", "STATUS", "GC"]);
  for (const [verb, seen] of fake.asked) assert.equal(seen, verb === "GC" ? { ...request, validAttachments } : request);
});

define("binds no IPAM without a type, and none for plugins that do not delegate", async () => {
  for (const [ipam, delegatesIpam] of [[{}, true], [{ type: "" }, true], [undefined, true],
    [{ type: "fake" }, false]] as const) {
    const { plugin, calls } = probe({ delegatesIpam });
    await plugin.add(requestWith({ ipam }), handlesWith({}));
    assert.is(calls[0]?.ipam, undefined);
  }
});

define("takes interfaces out of IPAM's answer", async () => {
  const { plugin } = probe();
  const fake = recorder({ ...emptyResult, interfaces: [{ name: "x" }],
    ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1", interface: 0 }] });
  const result = await plugin.add(requestWith({ ipam: { type: "fake" } }), handlesWith({ fake: fake.plugin }));
  assert.equal(result, { ...emptyResult, ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1" }] });
});

define("refuses an answer of IPAM without addresses", async () => {
  const { plugin } = probe();
  const promise = plugin.add(requestWith({ ipam: { type: "fake" } }),
    handlesWith({ fake: recorder(emptyResult).plugin }));
  assert.match((await rejects(promise, code.invalidConfig)).message,
    /IPAM "fake" in network "blue": it holds no address/);
});

define("looks for the IPAM plugin before ADD begins, and for DEL only when it is called", async () => {
  const begun: string[] = [];
  const { plugin } = probe({
    add: async () => {
      begun.push("ADD");
      return emptyResult;
    },
    del: async () => void begun.push("DEL"),
  });
  const request = requestWith({ ipam: { type: "none" } });
  await rejects(plugin.add(request, handlesWith({})), code.executable);
  await plugin.del(request, handlesWith({}));
  assert.equal(begun, ["DEL"]);
});

define("GC asks both, and reports what either could not do", async () => {
  const asked: string[] = [];
  const fake = { ...recorder(emptyResult).plugin, gc: async () => {
    asked.push("ipam");
    throw new CniError(code.ioFailure, "first");
  } };
  const { plugin } = probe({ gc: async () => void asked.push("plugin") });
  const promise = plugin.gc({ ...requestWith({ ipam: { type: "fake" } }), validAttachments: [] },
    handlesWith({ fake }));
  await rejects(promise, code.ioFailure);
  assert.equal(asked, ["ipam", "plugin"]);
});
define.run();
