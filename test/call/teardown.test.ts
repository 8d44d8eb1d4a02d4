import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { FailedStep } from "../../src/call/index.ts";
import { teardownGroup } from "../../src/call/index.ts";
import type { Link, Namespace } from "../../src/kernel/index.ts";

const tearing = suite("teardownGroup");
const link = (index: number): Link => ({ index, name: `l${index}`, mtu: 0, up: true, loopback: false, promiscuity: 0,
  allMulticast: false, operState: "up", group: 0 });
function namespace(log: string[], stubborn?: number): Namespace {
  const links = {
    async deleteAll(indexes: readonly number[]) {
      log.push(`all ${indexes.join(" ")}`);
      if (stubborn !== undefined) throw new Error("not together");
    },
    find: (index: number) => index === 9 ? undefined : { ...link(index), name: index === 8 ? "someone else's"
      : `l${index}` },
    async delete(index: number) {
      log.push(`one ${index}`);
      if (index === stubborn) throw new Error("stays");
    },
  };
  // True as far as deleting links goes.
  return { links } as unknown as Namespace;
}
tearing("deletes all links of a namespace at once, each once, then runs the steps in order", async () => {
  const log: string[] = [], failures: FailedStep[] = [], one = namespace(log), other = namespace(log),
    group = teardownGroup();
  const first = group.for(failures), second = group.for(failures);
  first.after("a", () => { log.push("after a"); });
  first.deleteLink(one, link(1));
  second.deleteLink(one, link(2));
  second.deleteLink(one, link(1));
  second.deleteLink(other, link(3));
  second.after("b", () => { throw new Error("no"); });
  second.after("c", () => { log.push("after c"); });
  await group.finish();
  assert.equal(log, ["all 1 2", "all 3", "after a", "after c"]);
  assert.equal(failures.map(({ what }) => what), ["b"]);
  await group.finish();
  assert.is(log.length, 4);
});
tearing("deletes one by one when together does not work, leaving gone and foreign ones", async () => {
  const log: string[] = [], mine: FailedStep[] = [], theirs: FailedStep[] = [], host = namespace(log, 2),
    group = teardownGroup();
  for (const index of [1, 8, 9]) group.for(theirs).deleteLink(host, link(index));
  group.for(mine).deleteLink(host, link(2));
  await group.finish();
  assert.equal(log, ["all 1 8 9 2", "one 1", "one 2"]);
  assert.equal([mine.map(({ what }) => what), theirs], [['delete link "l2"'], []]);
});
tearing.run();
