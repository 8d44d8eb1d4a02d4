import { CniError, code } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { objectIn } from "../client/answer.ts";
import type { Api } from "../client/api.ts";

export const folder = "/api/v1/nodes";
/** Objects a page: some 3 MiB, since each names the images that its node has. */
const pageObjects = 200;
const restartsMax = 3;

/** @throws CniError 120 for one without a name: of the others it would be said that they are all there are */
export function nameOf({ metadata }: JsonObject): string {
  const { name } = isJsonObject(metadata) ? metadata : {};
  if (typeof name === "string" && name !== "") return name;
  throw new CniError(code.cluster, "Cannot list nodes: the answer has one without a name, expected metadata.name");
}

/** All of them, and the version that they are of. */
export interface ListedNodes {
  readonly items: readonly JsonObject[];
  readonly version: string;
}

export async function allNodes(api: Api, limitMs: number): Promise<ListedNodes> {
  for (let restarts = 0; ; restarts++) {
    const listed = await listedNodes(api, limitMs);
    if (listed !== undefined) return listed;
    if (restarts === restartsMax) {
      throw new CniError(
        code.tryAgainLater,
        "Cannot list nodes: the API has forgotten the list while it was read, expected it to last for a page",
      );
    }
  }
}

/** The first one, and what the API says of how many are left (ListMeta, remainingItemCount). */
export async function countNodes(api: Api, limitMs: number): Promise<number> {
  const errand = { act: "count nodes", permission: "list nodes" };
  const { items, metadata } = objectIn(await api.send(
    { ...errand, method: "GET", path: `${folder}?limit=1`, limitMs }), errand);
  const { remainingItemCount: left = 0 } = isJsonObject(metadata) ? metadata : {};
  return (Array.isArray(items) ? items.length : 0) + (typeof left === "number" ? left : 0);
}

/** undefined: what the list went on from is forgotten (410), and it begins again. */
async function listedNodes(api: Api, limitMs: number): Promise<ListedNodes | undefined> {
  const errand = { act: "list nodes", permission: "list nodes" };
  const found: JsonObject[] = [];
  for (let next = ""; ; ) {
    const query = new URLSearchParams({ limit: String(pageObjects), ...(next === "" ? {} : { continue: next }) });
    const answer = await api.send({ ...errand, method: "GET", path: `${folder}?${query}`, limitMs });
    if (answer.status === 410 && next !== "") return undefined;
    const { items, metadata } = objectIn(answer, errand);
    if (!Array.isArray(items)) throw new CniError(code.cluster, "Cannot list nodes: the answer is no list of nodes");
    found.push(...items.filter(isJsonObject));
    const { continue: more = "", resourceVersion: version = "" } = isJsonObject(metadata) ? metadata : {};
    next = String(more);
    if (next === "") return { items: found, version: String(version) };
  }
}
