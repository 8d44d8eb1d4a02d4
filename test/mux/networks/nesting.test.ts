import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nestingProblem } from "../../../src/mux/networks/nesting.ts";

const nesting = suite("a multiplexer of whatever name");

const keys = { delegates: [{ type: "bridge" }], binDir: "/tmp" };

for (const [where, plugin] of [
  ["alone", { type: "multus.before", ...keys }],
  ["as the delegate of a built-in flannel", { type: "flannel", delegate: { type: "multus.before", ...keys } }],
  ["as the delegate of a delegate",
    { type: "flannel", delegate: { type: "flannel", delegate: { type: "multus.before", ...keys } } }],
  ["under another spelling of the key", { type: "flannel", Delegate: { Type: "multus.before", ...keys } }],
  ["by a long s, which Go takes for an s", { type: "multus.before", "delegate\u017f": [{ type: "bridge" }] }],
  ["by a Kelvin sign, which Go takes for a k", { type: "multus.before", "clusterNetwor\u212a": "x" }],
  ["as the IPAM of a delegate", { type: "flannel", delegate: { type: "bridge", ipam: { type: "before", ...keys } } }],
] as const) {
  nesting(`is refused ${where}`, () => {
    assert.match(nestingProblem({ name: "n", ...plugin }) ?? "", /is a multiplexer's/);
  });
}
nesting("is not seen in delegates that are built in", () => {
  assert.is(nestingProblem({ type: "flannel", delegate: { type: "bridge", ipam: { type: "host-local" } } }), undefined);
});
nesting.run();
