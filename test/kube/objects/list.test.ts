// Lists page by page: of objects that are too long for a page fewer are asked for.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, code } from "../../../src/cni/index.ts";
import { ConnectionError } from "../../../src/http/index.ts";
import { listAll } from "../../../src/kube/objects/list.ts";
import { rejects } from "../../helpers/errors.ts";

const test = suite("listAll"), errand = { act: "list pods", permission: "list pods" };

/** A server of numbered objects whose answers may hold so many, and the pages that were asked of it. */
function serverOf(count: number, { longest, forgets = [] }: { longest: number; forgets?: number[] }) {
  const pages: string[] = [];
  const get = async (path: string) => {
    const query = new URLSearchParams(path.split("?")[1]);
    const limit = Number(query.get("limit")), from = Number(query.get("continue") ?? 0);
    pages.push(`${from}+${limit}`);
    if (limit > longest)
      throw new CniError(code.cluster, "Cannot list pods: the answer is longer", {
        cause: new ConnectionError("EMSGSIZE", "the answer is longer") });
    if (forgets[0] === from) {
      forgets.shift();
      return { status: 410, object: undefined, body: "" };
    }
    const items = Array.from({ length: Math.min(limit, count - from) }, (_, i) => ({ number: from + i }));
    const to = from + limit;
    const metadata = { resourceVersion: "7", ...(to < count ? { continue: String(to) } : {}) };
    return { status: 200, object: { items, metadata }, body: "" };
  };
  return { get, pages };
}

test("reads all, by smaller pages where one is longer than an answer may be, from where it was", async () => {
  const { get, pages } = serverOf(60, { longest: 25 });
  const { items, version } = await listAll(get, "/pods", {}, errand);
  assert.equal([items.map(({ number }) => number), version], [Array.from({ length: 60 }, (_, i) => i), "7"]);
  assert.equal(pages, ["0+200", "0+25", "25+25", "50+25"]);
});

test("ends with what cannot be read one at a time, or is forgotten again and again", async () => {
  const one = serverOf(5, { longest: 0 });
  assert.match((await rejects(listAll(one.get, "/pods", {}, errand), code.cluster)).message, /longer/);
  assert.equal(one.pages, ["0+200", "0+25", "0+3", "0+1"]);
  const forgetful = serverOf(30, { longest: 3, forgets: [3, 3, 3] });
  const { message } = await rejects(listAll(forgetful.get, "/pods", {}, errand), code.tryAgainLater);
  assert.match(message, /has forgotten the list/);
});

test.run();
