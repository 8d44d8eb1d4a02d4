// deploy/cluster-ipam/crd.yaml: what the store writes passes its schema, and edits that would break it do not. The
// rules use so little of CEL that they can be said in JavaScript, and a rule that cannot fails here.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { startApiServer } from "../helpers/api-server.ts";
import { openKubeBlocks } from "../../src/kube/index.ts";
import { parseAddress } from "../../src/net/index.ts";
import { allocate, nodeWith, rangesOf, scope } from "../helpers/shared/nodes.ts";

type Json = any;
const file = join(import.meta.dirname, "..", "..", "deploy", "cluster-ipam", "crd.yaml");
const crd: Json = parse(readFileSync(file, "utf8"));
const schema: Json = crd.spec.versions[0].schema.openAPIV3Schema;

/** Formats and rules are the API's own. */
const check = new Ajv({ strict: false, formats: { int64: true } }).compile(schema);

/** What the rules say, by their text. */
const meanings: Readonly<Record<string, (self: Json, old: Json) => boolean>> = {
  "self.metadata.name.endsWith('-' + self.spec.cidr.replace('.', '-').replace(':', '-').replace('/', '-'))":
    (self) => self.metadata.name.endsWith(`-${self.spec.cidr.replace(/[.:/]/g, "-")}`),
  "self.scope == oldSelf.scope && self.cidr == oldSelf.cidr":
    (self, old) => old === undefined || (self.scope === old.scope && self.cidr === old.cidr),
  "self.endsWith('/26') || self.endsWith('/122')": (self) => self.endsWith("/26") || self.endsWith("/122"),
  "self.all(key, key.matches('^([0-9]|[1-5][0-9]|6[0-3])$'))":
    (self) => Object.keys(self).every((key) => /^([0-9]|[1-5][0-9]|6[0-3])$/.test(key)),
  "[has(self.owner), has(self.held), has(self.left)].exists_one(one, one)":
    (self) => ["owner", "held", "left"].filter((key) => key in self).length === 1,
  "has(self.owner) == has(self.ticket)": (self) => "owner" in self === "ticket" in self,
  "has(self.held) == has(self.until)": (self) => "held" in self === "until" in self,
};

/** Messages of the rules that are broken, the schema's before. */
function problemsOf(object: Json, old?: Json): readonly string[] {
  const first = check(object) ? []
    : (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  return first.length > 0 ? first : brokenIn(schema, object, old);
}

function brokenIn(part: Json, value: Json, old: Json): readonly string[] {
  if (value === undefined) return [];
  const rules: readonly Json[] = part["x-kubernetes-validations"] ?? [];
  const own = rules.filter(({ rule }) => {
    const meaning = meanings[rule.trim()];
    if (meaning === undefined) throw new Error(`This test does not understand the rule ${rule}`);
    return !meaning(value, old);
  }).map(({ message }) => message);
  const inner = Object.entries<Json>(part.properties ?? {}).flatMap(([key, one]) =>
    brokenIn(one, value[key], old?.[key]));
  const others = part.additionalProperties === undefined ? [] : Object.keys(value).flatMap((key) =>
    brokenIn(part.additionalProperties, value[key], old?.[key]));
  return [...own, ...inner, ...others];
}

async function written(): Promise<readonly Json[]> {
  const api = await startApiServer();
  try {
    const engine = openKubeBlocks({ kubeconfig: api.kubeconfig, env: {} });
    if (engine === undefined) throw new Error("there is a kubeconfig");
    const a = nodeWith("a", engine), sets = rangesOf("10.0.0.0/24", "fd00::/64");
    for (const [id, name] of [["c1", "db-0"], ["c2", "db-1"], ["c3", "web-5d9c7b8f6-x2x4k"]] as const)
      await allocate(a, { containerId: id, ifName: "eth0", network: "blue",
        pod: { namespace: "shop", name, uid: "" } }, sets);
    const owner = { containerId: "c1", ifName: "eth0" }, [lease] = await a.store.list(scope, owner);
    await a.store.release(scope, owner, [{ address: lease?.address ?? parseAddress("10.0.0.2"), seconds: 60 }]);
    return await api.blocks();
  } finally {
    await api.stop();
  }
}

const block = suite("the definition of a block");
const blocks = await written();

block("accepts what the store writes, again and again", () => {
  assert.is(blocks.length, 2);
  for (const one of blocks) assert.equal(problemsOf(one, one), []);
  const states = blocks.flatMap(({ spec }) => Object.values<Json>(spec.allocations).flatMap(Object.keys));
  for (const key of ["owner", "held", "left"]) assert.ok(states.includes(key), key);
});

const active = (spec: Json): Json => Object.values<Json>(spec.allocations).find((one) => "owner" in one);
for (const [title, edit, problem] of [
  ["of another scope", (one: Json) => { one.spec.scope = "other"; }, "is another block than before"],
  ["with another name", (one: Json) => { one.metadata.name = "mine"; }, "is not named after its cidr"],
  ["of another size", (one: Json) => { one.spec.cidr = "10.0.0.0/24"; one.metadata.name = "x-10-0-0-0-24"; },
    "is another block than before"],
  ["with an address beyond its end", (one: Json) => { one.spec.allocations["64"] = { left: "k" }; }, "no such address"],
  ["with an address of nobody", (one: Json) => { one.spec.allocations["5"] = {}; }, "expected one of owner, held and"],
  ["with an address that is taken and held", (one: Json) => { active(one.spec).held = "k"; }, "expected one of"],
  ["with an owner without a ticket", (one: Json) => { delete active(one.spec).ticket; }, "expected a ticket"],
  ["with an owner without a node", (one: Json) => { delete active(one.spec).owner.node; }, "required property 'node'"],
  ["with a hold without an end", (one: Json) => { one.spec.allocations["5"] = { held: "k" }; }, "expected a time"],
] as const)
  block(`refuses one ${title}`, () => {
    const old = blocks.find(({ spec }) => spec.cidr.startsWith("10.")), one = structuredClone(old);
    edit(one);
    assert.ok(problemsOf(one, old).some((said) => said.includes(problem)), problemsOf(one, old).join("; "));
  });

block("is judged by rules that this test has all understood", () => {
  const rules = [...JSON.stringify(schema).matchAll(/"rule":("(?:[^"\\]|\\.)*")/g)]
    .map(([, text = ""]) => (JSON.parse(text) as string).trim());
  assert.equal(rules.toSorted(), Object.keys(meanings).toSorted());
});

block.run();
