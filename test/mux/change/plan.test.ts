// src/mux/change/plan.ts: which networks of a running container are taken off, which are attached.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AttachedNetwork } from "../../../src/mux/change/plan.ts";
import { planChange } from "../../../src/mux/change/plan.ts";

/** The node's own network, then those. */
const attached = (...selections: readonly (string | Partial<AttachedNetwork>)[]): readonly AttachedNetwork[] =>
  [{}, ...selections].map((one) => ({ selection: undefined, isComplete: true, isChange: false,
    ...(typeof one === "string" ? { selection: one } : one) }));

const plan = suite("planChange");
for (const [title, has, wanted, expected] of [
  ["does nothing where all is as it is wanted", attached("a", "b"), ["a", "b"], { remove: [], add: [] }],
  ["minds no order", attached("a", "b"), ["b", "a"], { remove: [], add: [] }],
  ["attaches what is new", attached("a"), ["b", "a", "c"], { remove: [], add: [0, 2] }],
  ["takes off what is not wanted any more", attached("a", "b", "c"), ["b"], { remove: [1, 3], add: [] }],
  ["takes all off", attached("a", "b"), [], { remove: [1, 2], add: [] }],
  ["replaces what is wanted otherwise", attached("a", "b"), ["a2", "b"], { remove: [1], add: [0] }],
  ["attaches one twice that is wanted twice", attached("a"), ["a", "a"], { remove: [], add: [1] }],
  ["takes the later of two off", attached("a", "a"), ["a"], { remove: [2], add: [] }],
  ["leaves what nobody's element asked for", attached({}, "a"), [], { remove: [2], add: [] }],
  ["does anew what was being attached when all ended", attached({ selection: "a", isComplete: false, isChange: true }),
    ["a"], { remove: [1], add: [0] }],
  ["and only takes it off where it is not wanted", attached({ selection: "a", isComplete: false, isChange: true }), [],
    { remove: [1], add: [] }],
  ["leaves a container whose own ADD has not ended", attached({ selection: "a", isComplete: false }), ["a", "b"],
    undefined],
] as const) plan(title, () => assert.equal(planChange(has, wanted), expected));
plan.run();
