// src/call/link-gathering.ts: links of containers that are deleted at one moment go in one request.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { teardownGroup } from "../../src/call/index.ts";
import type { FailedStep } from "../../src/call/index.ts";
import type { Link, Namespace } from "../../src/kernel/index.ts";

/** A host whose requests the test answers. */
function host() {
  const requests: { readonly indexes: readonly number[]; end(error?: Error): void }[] = [];
  const alone: number[] = [];
  const links = {
    deleteAll: (indexes: readonly number[]) => new Promise<void>((resolve, reject) => {
      requests.push({ indexes, end: (error) => (error === undefined ? resolve() : reject(error)) });
    }),
    find: (index: number) => link(index),
    delete: async (index: number) => {
      if (index === 13) throw new Error("stubborn");
      alone.push(index);
    },
  };
  // Deleting asks for no more of it.
  return { namespace: { links } as unknown as Namespace, requests, alone };
}

function link(index: number): Link {
  return { index, name: `veth${index}` } as Link;
}

/** A container's teardown of those links; what failed of them. */
async function tearDown(namespace: Namespace, ...indexes: readonly number[]): Promise<readonly string[]> {
  const failures: FailedStep[] = [], group = teardownGroup();
  for (const index of indexes) group.for(failures).deleteLink(namespace, link(index));
  await group.finish();
  return failures.map(({ what }) => what);
}

const settle = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

const gathering = suite("links");
gathering("of one container go in one request", async () => {
  const { namespace, requests } = host();
  const done = tearDown(namespace, 1, 2, 2);
  await settle();
  requests[0]?.end();
  assert.equal(await done, []);
  assert.equal(requests.map(({ indexes }) => indexes), [[1, 2]]);
});
gathering("of containers that come while a request is under way go together in the next", async () => {
  const { namespace, requests } = host();
  const first = tearDown(namespace, 1);
  await settle();
  const others = [tearDown(namespace, 2, 3), tearDown(namespace, 4), tearDown(namespace, 5)];
  await settle();
  assert.equal(requests.map(({ indexes }) => indexes), [[1]]);
  requests[0]?.end();
  assert.equal(await first, []);
  await settle();
  assert.equal(requests.map(({ indexes }) => indexes), [[1], [2, 3, 4, 5]]);
  const last = tearDown(namespace, 6);
  requests[1]?.end();
  assert.equal(await Promise.all(others), [[], [], []]);
  await settle();
  requests[2]?.end();
  assert.equal(await last, []);
  assert.equal(requests[2]?.indexes, [6]);
});
gathering("of different hosts do not wait for each other", async () => {
  const one = host(), other = host();
  void tearDown(one.namespace, 1);
  const done = tearDown(other.namespace, 2);
  await settle();
  other.requests[0]?.end();
  assert.equal(await done, []);
  one.requests[0]?.end();
});
gathering("that cannot go together go alone, and whose fails is told that container only", async () => {
  const { namespace, requests, alone } = host();
  const first = tearDown(namespace, 1);
  await settle();
  const [good, bad] = [tearDown(namespace, 2), tearDown(namespace, 13, 4)];
  requests[0]?.end();
  await first;
  await settle();
  requests[1]?.end(new Error("EBUSY"));
  assert.equal([await good, await bad], [[], ['delete link "veth13"']]);
  assert.equal(alone, [2, 4]);
});
gathering.run();
