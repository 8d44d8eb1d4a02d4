// A configuration with any one value replaced: either it works, or the error is a clear one; DEL with it always works.
import * as assert from "uvu/assert";
import { kernelSuite } from "../helpers/netns.ts";
import { random } from "../helpers/random.ts";
import { call, leftovers, makeWorld, succeed } from "../helpers/runtime.ts";
import { makeUplink, multiplexed, threeNetworks } from "../helpers/three-networks.ts";

const mutated = kernelSuite("a configuration with one value replaced", import.meta.url,
  { needs: ["nft_nat", "macvlan", "ipv6"] });
const values = [null, true, 5, -1, 1.5, 1e300, "", "x", "../x", "\0", "ü", [], [[]], {}, { a: 1 }, "9".repeat(300)];
/** Of the more than thousand there are; the same ones in every run, unless another seed is given. */
const mutationCount = Number(process.env["POLYNIC_MUTATIONS"] ?? 40);
const seedGiven = Number(process.env["POLYNIC_SEED"] ?? 77);

mutated("is refused with a code of its own, or works, and is always deleted", () => {
  const world = makeWorld();
  try {
    makeUplink(world);
    const conf = threeNetworks(world);
    const { seed, below, pick } = random(seedGiven);
    const paths = pathsOf(conf);
    for (let i = 0; i < mutationCount; i++) {
      const path = paths[below(paths.length)] ?? [], value = pick(values);
      // Elsewhere than in the world's directory nothing is to be written.
      if (["cniDir", "dataDir"].includes(String(path.at(-1))) && typeof value === "string" && value !== "\0") continue;
      if (["cniDir", "dataDir"].includes(String(path.at(-1))) && value === null) continue;
      const changed = replaced(conf, path, value);
      const what = `${path.join(".")} = ${JSON.stringify(value)?.slice(0, 40)} (seed ${seed})`;
      const added = call(world, multiplexed("ADD", changed));
      assert.ok(added.status === 0 || (added.status === 1 && typeof added.json.msg === "string"),
        `${what}: ${added.stdout}${added.stderr}`);
      assert.not(added.status === 1 && added.json.code === 999, `${what}: ${added.stdout}${added.stderr}`);
      assert.not(/\n {4}at |node:/.test(added.stderr), `${what}: ${added.stderr}`);
      if (added.status === 1) assert.equal(leftovers(world), [], what);
      const deleted = call(world, multiplexed("DEL", changed));
      // A directory that cannot be, or a version nobody speaks, is refused in DEL too: with the right one it works.
      if (deleted.status !== 0) {
        assert.ok([1, 5, 6, 7].includes(deleted.json.code), `${what}: ${deleted.stdout}`);
        succeed(world, multiplexed("DEL", conf));
      }
      assert.equal(leftovers(world), [], what);
    }
  } finally {
    world.remove();
  }
});
mutated.run();

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Array.isArray(value) ? value.map((each, index) => [index, each] as const) : Object.entries(value);
  return [...(path.length === 0 ? [] : [path]), ...inner.flatMap(([key, each]) => pathsOf(each, [...path, key]))];
}

function replaced(value: any, [key, ...rest]: Path, by: unknown): any {
  if (key === undefined) return by;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}
