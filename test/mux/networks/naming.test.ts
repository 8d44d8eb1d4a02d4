import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Delegate } from "../../../src/mux/networks/delegate.ts";
import { interfaceNames } from "../../../src/mux/networks/naming.ts";

const naming = suite("interfaceNames");
const delegate = (ifName?: string): Delegate => ({
  displayName: "n", list: false, fromFile: false, trusted: true, confText: "{}",
    requests: ifName === undefined ? {} : { ifName }, capabilityArgs: {},
  network: { name: "n", cniVersion: "1.0.0", plugins: [], disableCheck: false, disableGC: false,
    loadOnlyInlinedPlugins: false },
});
for (const [asked, names] of [
  [[undefined], ["eth0"]], [[undefined, undefined, undefined], ["eth0", "net1", "net2"]],
  [[undefined, "foo", undefined], ["eth0", "foo", "net2"]], [["bar", undefined], ["bar", "net1"]],
] as const) {
  naming(`gives ${names.join(", ")}`, () => { assert.equal(interfaceNames(asked.map(delegate), "eth0"), names); });
}
naming.run();
