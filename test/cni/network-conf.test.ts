import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CniError, enabledArgs, finishNetwork, parseNetworkList, parseNetworkPlugin, parseSinglePlugin, requestConf,
} from "../../src/cni/index.ts";

const refusedWith = (code: number, message: string) => (error: unknown): boolean => error instanceof CniError
  && error.code === code && error.message.includes(message);
const bridge = { type: "bridge", bridge: "br0", Custom: { deep: [null, 1.5] }, note: null };

const list = suite("parseNetworkList");

list("keeps plugins as their authors wrote them", () => {
  assert.equal(parseNetworkList({ cniVersion: "1.0.0", name: "blue", plugins: [bridge, { type: "portmap" }],
    other: 1 }), {
    name: "blue", cniVersion: "1.0.0", plugins: [bridge, { type: "portmap" }], disableCheck: false, disableGC: false,
      loadOnlyInlinedPlugins: false,
  });
});

for (const [value, on] of [[true, true], [false, false], ["true", true], ["TRUE", true], ["True", true],
  ["false", false], ["False", false], [null, false], [undefined, false]] as const) {
  list(`takes the switch ${JSON.stringify(value)} for ${on}`, () => {
    const network = parseNetworkList({ name: "a", plugins: [bridge], disableCheck: value, disableGC: value,
      loadOnlyInlinedPlugins: value });
    assert.equal([network.disableCheck, network.disableGC, network.loadOnlyInlinedPlugins], [on, on, on]);
  });
}

for (const value of ["yes", "", "1", 1, 0, [], {}]) {
  for (const key of ["disableCheck", "disableGC", "loadOnlyInlinedPlugins"]) {
    list(`refuses the switch ${key} ${JSON.stringify(value)}`, () => {
      assert.throws(() => parseNetworkList({ name: "a", plugins: [bridge], [key]: value }),
        refusedWith(7, `${key} is ${JSON.stringify(value)}, expected true or false`));
    });
  }
}

for (const [title, json, code, message] of [
  ["no name", { plugins: [bridge] }, 7, "name is missing, expected a string"],
  ["a name that is no text", { name: 5, plugins: [bridge] }, 7, "name is 5, expected a string"],
  ["an empty list of plugins", { name: "a", plugins: [] }, 7, "plugins is [], expected a list of at least 1 entries"],
  ["plugins that are no list", { name: "a", plugins: {} }, 7, "plugins is {}, expected a list"],
  ["a plugin that is no object", { name: "a", plugins: ["bridge"] }, 7, 'plugins[0] is "bridge", expected an object'],
  ["a plugin without type", { name: "a", plugins: [bridge, { name: "x" }] }, 7,
    "plugins[1].type is missing, expected the name of a plugin"],
  ["a type that is no text", { name: "a", plugins: [{ type: 1 }] }, 7,
    "plugins[0].type is 1, expected the name of a plugin"],
  ["an empty type", { name: "a", plugins: [{ type: "" }] }, 7, "plugins[0].type"],
  ["a type with a path", { name: "a", plugins: [{ type: "../bin/sh" }] }, 7,
    'plugins[0].type is "../bin/sh", expected the name of a plugin'],
  ["a version that is no text", { name: "a", cniVersion: 1, plugins: [bridge] }, 7,
    "cniVersion is 1, expected a string"],
  ["versions that are no list", { name: "a", cniVersions: "1.0.0", plugins: [bridge] }, 7,
    'cniVersions is "1.0.0", expected a list'],
  ["an entry of versions that is none", { name: "a", cniVersions: ["1.0.0", "x"], plugins: [bridge] }, 6, '"x"'],
  ["missing plugins that must be inlined", { name: "a", loadOnlyInlinedPlugins: true }, 7, "plugins is missing"],
] as const) {
  list(`refuses ${title}`, () => assert.throws(() => parseNetworkList(json), refusedWith(code, message)));
}

list("lets plugins be missing when a folder may hold them", () => {
  assert.equal(parseNetworkList({ name: "a" }).plugins, []);
});

list("chooses the highest version we speak", () => {
  assert.is(parseNetworkList({ name: "a", cniVersion: "0.4.0", cniVersions: ["1.0.0", "99.0.0"],
    plugins: [bridge] }).cniVersion, "1.0.0");
  assert.is(parseNetworkList({ name: "a", plugins: [bridge] }).cniVersion, "");
});

list.run();

const single = suite("parseSinglePlugin");

single("is a network of one, with its name and version", () => {
  const plugin = { ...bridge, name: "blue", cniVersion: "0.3.1" };
  assert.equal(parseSinglePlugin(plugin), { name: "blue", cniVersion: "0.3.1", plugins: [plugin], disableCheck: false,
    disableGC: false, loadOnlyInlinedPlugins: false });
});

single("needs a type and a name", () => {
  assert.throws(() => parseSinglePlugin({ name: "blue" }), refusedWith(7, "type is missing"));
  assert.throws(() => parseSinglePlugin({ type: "bridge" }), refusedWith(7, "name is missing"));
  assert.throws(() => parseSinglePlugin({ type: "bridge", name: "" }), refusedWith(7, "name is missing"));
  assert.throws(() => parseNetworkPlugin({ name: "x" }, "/etc/cni/net.d/a/1.conf"),
    refusedWith(7, "Cannot read /etc/cni/net.d/a/1.conf: type is missing"));
});

single.run();

const finish = suite("finishNetwork");
const portmap = { type: "portmap" };

finish("appends the folder's plugins after the list's own", () => {
  assert.equal(finishNetwork(parseNetworkList({ name: "a", plugins: [bridge] }), [portmap]).plugins, [bridge, portmap]);
  assert.equal(finishNetwork(parseNetworkList({ name: "a" }), [portmap]).plugins, [portmap]);
});

finish("leaves the folder out when the list wants its own only", () => {
  assert.equal(finishNetwork(parseNetworkList({ name: "a", plugins: [bridge], loadOnlyInlinedPlugins: "true" }),
    [portmap]).plugins, [bridge]);
});

finish("refuses a network without plugins", () => {
  assert.throws(() => finishNetwork(parseNetworkList({ name: "a" }), []),
    refusedWith(7, 'Cannot read network "a": it has no plugin'));
});

finish.run();

const request = suite("requestConf");
const network = { name: "blue", cniVersion: "1.0.0" };

request("overwrites name and version and leaves the rest alone", () => {
  assert.equal(requestConf({ network, plugin: { ...bridge, name: "old", cniVersion: "0.1.0" } }),
    { ...bridge, name: "blue", cniVersion: "1.0.0" });
  assert.equal(requestConf({ network, plugin: { type: "x", NAME: "old", CniVersion: "0.1.0" } }),
    { type: "x", name: "blue", cniVersion: "1.0.0" });
  assert.equal(requestConf({ network, plugin: { type: "x", "cniVer\u017fion": "0.1.0" } }),
    { type: "x", name: "blue", cniVersion: "1.0.0" }, "Go takes a long s for an s");
  assert.is(requestConf({ network: { name: "a", cniVersion: "" },
    plugin: { type: "x", cniVersion: "0.4.0" } }).cniVersion, "");
});

request("hands on the previous result", () => {
  const prevResult = { cniVersion: "1.0.0", ips: [] };
  assert.equal(requestConf({ network, plugin: portmap, prevResult })["prevResult"], prevResult);
  assert.is("prevResult" in requestConf({ network, plugin: portmap }), false);
});

const capabilityArgs = { portMappings: [{ hostPort: 80 }], mac: "02:00:00:00:00:01", ips: null };

for (const [title, plugin, runtimeConfig] of [
  ["gives only what is enabled and supplied", { type: "x", capabilities: { portMappings: true, mac: false,
    bandwidth: true } }, { portMappings: [{ hostPort: 80 }] }],
  ["gives several", { type: "x", capabilities: { portMappings: true, mac: true } },
    { portMappings: [{ hostPort: 80 }], mac: "02:00:00:00:00:01" }],
  ["adds no key when none is enabled", { type: "x", capabilities: { mac: false } }, undefined],
  ["adds no key when none is supplied", { type: "x", capabilities: { bandwidth: true } }, undefined],
  ["adds no key without capabilities", { type: "x" }, undefined],
  ["adds no null", { type: "x", capabilities: { ips: true } }, undefined],
  ["reads true only", { type: "x", capabilities: { mac: "true" } }, undefined],
  ["leaves the file's own runtimeConfig when none matches", { type: "x", runtimeConfig: { own: 1 } }, { own: 1 }],
  ["replaces the file's own runtimeConfig whole", { type: "x", capabilities: { mac: true }, RuntimeConfig: { own: 1 } },
    { mac: "02:00:00:00:00:01" }],
] as const) {
  request(title, () => {
    const conf = requestConf({ network, plugin, capabilityArgs });
    assert.equal(Object.entries(conf).filter(([key]) => key.toLowerCase() === "runtimeconfig"),
      runtimeConfig === undefined ? [] : [["runtimeConfig", runtimeConfig]]);
  });
}

request("finds no capability in inherited keys", () => {
  assert.equal(enabledArgs({ type: "x", capabilities: {} }, { constructor: 1, toString: 2 }), {});
});

request("names the valid attachments twice, an empty list too, and none not at all", () => {
  const valid = [{ containerID: "c", ifname: "eth0" }];
  const conf = requestConf({ network, plugin: portmap, validAttachments: valid });
  assert.equal([conf["cni.dev/valid-attachments"], conf["cni.dev/attachments"]], [valid, valid]);
  assert.equal(requestConf({ network, plugin: portmap, validAttachments: [] })["cni.dev/valid-attachments"], []);
  assert.equal(Object.keys(requestConf({ network, plugin: portmap })), ["type", "name", "cniVersion"]);
});

request.run();
