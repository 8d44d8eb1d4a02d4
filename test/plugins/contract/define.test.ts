import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { CniError, code, confSchema } from "../../../src/cni/index.ts";
import type { AddCall, Call, PluginDefinition } from "../../../src/plugins/contract/define.ts";
import { definePlugin } from "../../../src/plugins/contract/define.ts";
import type { AddContext, DelContext, Plugin, PluginRequest } from "../../../src/plugins/index.ts";
import type { MacvlanConf } from "../../../src/plugins/macvlan/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { addWith } from "../../helpers/handles.ts";

const emptyResult: Result = { interfaces: [], ips: [], routes: [], dns: {} };

/** An IPAM plugin that writes down what it is asked, and gives that answer. */
function recorder(answer: Result): { readonly plugin: Plugin; readonly asked: [string, PluginRequest][] } {
  const asked: [string, PluginRequest][] = [];
  const note = (verb: string) => async (request: PluginRequest): Promise<void> => void asked.push([verb, request]);
  const plugin: Plugin = {
    type: "fake", versions: [],
    step: (request) => ({
      add: async (prevResult) => {
        asked.push(["ADD", { ...request, prevResult }]);
        return answer;
      },
    }),
    del: note("DEL"), check: note("CHECK"), status: note("STATUS"), gc: note("GC"),
  };
  return { plugin, asked };
}

/** What DELs have left to do once the links are gone. */
const released: (() => void | Promise<void>)[] = [];

function handlesWith(plugins: Readonly<Record<string, Plugin>>): AddContext & DelContext {
  const plugin = (type: string): Plugin => {
    const found = plugins[type];
    if (found === undefined) throw new CniError(code.executable, `Cannot find plugin "${type}"`);
    return found;
  };
  const unused = (): never => { throw new Error("no plugin here does this"); };
  const after = (_: string, step: () => void | Promise<void>): void => void released.push(step);
  // definePlugin itself looks at nothing else.
  return { plugin, teardown: { deleteLink: unused, before: unused, after } } as unknown as AddContext & DelContext;
}

function requestWith(conf: object): PluginRequest {
  return {
    attachment: { containerId: "c", netns: "/n", ifName: "eth0", args: "", path: [] },
    conf: { cniVersion: "1.1.0", name: "blue", type: "probe", ...conf }, prevResult: undefined,
  };
}

/** A plugin that only asks for addresses, with macvlan's configuration; each call with its verb. */
function probe(
  more: Partial<PluginDefinition<MacvlanConf, number>> = {},
): { readonly plugin: Plugin; readonly calls: [string, Partial<AddCall<Partial<MacvlanConf>, number>>][] } {
  const calls: [string, Partial<AddCall<Partial<MacvlanConf>, number>>][] = [];
  const plugin = definePlugin<MacvlanConf, number>({
    type: "probe", versions: ["1.1.0"], schema: confSchema("macvlan"), ipam: "optional",
    read: () => 4711,
    add: async (call, context) => {
      calls.push(["ADD", call]);
      return await call.ipam?.add(context) ?? emptyResult;
    },
    del: async (call) => void calls.push(["DEL", call]),
    check: async (call) => void calls.push(["CHECK", call]),
    ...more,
  });
  return { plugin, calls };
}

const define = suite("definePlugin");

define("gives ADD and CHECK the plan that was read, once each, from the call itself", async () => {
  const read: Call<MacvlanConf>[] = [];
  const { plugin, calls } = probe({ read: (call) => read.push(call) });
  const request = requestWith({ master: "uplink0" }), handles = handlesWith({});
  const step = await plugin.step(request, handles);
  assert.equal(calls, []);
  await step.add(emptyResult, handles);
  await step.add(emptyResult, handles);
  assert.equal(read.map(({ conf }) => conf.master), ["uplink0"]);
  assert.equal(calls.map(([verb, { plan, prevResult }]) => [verb, plan, prevResult]),
    [["ADD", 1, emptyResult], ["ADD", 1, emptyResult]]);
  await plugin.check({ ...request, prevResult: emptyResult }, handles);
  assert.equal([read.length, calls.at(-1)?.[1].plan], [2, 2]);
});

define("is there at once where nothing has to be waited for, and waits for what has", async () => {
  const request = requestWith({ ipam: { type: "fake" } });
  const atOnce = probe().plugin.step(request, handlesWith({ fake: recorder(emptyResult).plugin }));
  assert.not.instance(atOnce, Promise);
  const later = probe({ read: async () => 7 });
  const context = handlesWith({ fake: recorder({ ...emptyResult, ips: [{ address: "10.0.0.2/24" }] }).plugin });
  await addWith(later.plugin, request, context);
  assert.is(later.calls[0]?.[1].plan, 7);
  const slow = { ...recorder(emptyResult).plugin, step: async () => ({ add: async () => (
    { ...emptyResult, ips: [{ address: "10.0.0.3/24" }] }) }) };
  assert.is((await addWith(probe().plugin, request, handlesWith({ fake: slow }))).ips[0]?.address, "10.0.0.3/24");
});

define("reads the configuration, keys in any case", async () => {
  const { plugin, calls } = probe();
  await addWith(plugin, requestWith({ MTU: 1300, Mode: "vepa", unknown: [] }), handlesWith({}));
  assert.is(calls[0]?.[1].conf?.mtu, 1300);
  assert.is(calls[0]?.[1].conf?.mode, "vepa");
  assert.is(calls[0]?.[1].network, "blue");
});

define("refuses for ADD, CHECK and STATUS what does not fit, naming the key", async () => {
  const { plugin } = probe();
  const request = requestWith({ mtu: "1300" });
  for (const promise of [addWith(plugin, request, handlesWith({})), plugin.check(request, handlesWith({})),
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
  const [, { conf }] = calls[0] ?? ["", {}];
  assert.equal([conf?.mtu, conf?.mode, conf?.master], [undefined, undefined, "eth7"]);
  assert.is(collected.length, 1);
});

define("hands IPAM the same request with every verb", async () => {
  const { plugin } = probe();
  const fake = recorder({ ...emptyResult, ips: [{ address: "10.0.0.2/24" }] });
  const handles = handlesWith({ fake: fake.plugin });
  const request = requestWith({ IPAM: { TYPE: "fake", subnet: "10.0.0.0/24" } });
  const validAttachments = [{ containerID: "c", ifname: "eth0" }];
  await addWith(plugin, request, handles);
  await plugin.del(request, handles);
  await released.pop()?.();
  await plugin.check(request, handles);
  await plugin.status(request, handles);
  await plugin.gc({ ...request, validAttachments }, handles);
  assert.equal(fake.asked.map(([verb]) => verb), ["ADD", "DEL", "CHECK", "STATUS", "GC"]);
  for (const [verb, seen] of fake.asked) assert.equal(seen, verb === "GC" ? { ...request, validAttachments } : request);
});

define("binds no IPAM without a type, and none for plugins that do not delegate", async () => {
  for (const [ipam, use] of [[{}, "optional"], [{ type: "" }, "optional"], [undefined, "optional"],
    [{ type: "fake" }, "none"], [{ type: "fake" }, "provider"]] as const) {
    const { plugin, calls } = probe({ ipam: use });
    await addWith(plugin, requestWith({ ipam }), handlesWith({}));
    assert.is(calls[0]?.[1].ipam, undefined);
  }
});

define("takes interfaces out of IPAM's answer", async () => {
  const { plugin } = probe();
  const fake = recorder({ ...emptyResult, interfaces: [{ name: "x" }],
    ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1", interface: 0 }] });
  const result = await addWith(plugin, requestWith({ ipam: { type: "fake" } }), handlesWith({ fake: fake.plugin }));
  assert.equal(result, { ...emptyResult, ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1" }] });
});

define("refuses an answer of IPAM without addresses", async () => {
  const { plugin } = probe();
  const promise = addWith(plugin, requestWith({ ipam: { type: "fake" } }),
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
  await rejects(addWith(plugin, request, handlesWith({})), code.executable);
  await plugin.del(request, handlesWith({}));
  assert.equal(begun, ["DEL"]);
  released.pop();
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
define("releases the addresses after a DEL that fails", async () => {
  const fake = recorder(emptyResult);
  const { plugin } = probe({ del: async () => { throw new CniError(code.kernel, "no"); } });
  await rejects(plugin.del(requestWith({ ipam: { type: "fake" } }), handlesWith({ fake: fake.plugin })), code.kernel);
  assert.equal(fake.asked, []);
  await released.pop()?.();
  assert.equal(fake.asked.map(([verb]) => verb), ["DEL"]);
});

define("refuses to do without the IPAM that a plugin requires", async () => {
  const { plugin } = probe({ ipam: "required" });
  const request = requestWith({ ipam: {} });
  for (const promise of [addWith(plugin, request, handlesWith({})), plugin.check(request, handlesWith({})),
    plugin.status(request, handlesWith({}))]) {
    assert.match((await rejects(promise, code.invalidConfig)).message,
      /plugin "probe" in network "blue": it has no ipam/);
  }
  await plugin.del(request, handlesWith({}));
});

define.run();
