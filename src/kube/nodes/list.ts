import { CniError, code } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { objectIn } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import type { Listed } from "../objects/list.ts";
import { listAll } from "../objects/list.ts";

export const folder = "/api/v1/nodes";

/** @throws CniError 120 for one without a name: of the others it would be said that they are all there are */
export function nameOf({ metadata }: JsonObject): string {
  const { name } = isJsonObject(metadata) ? metadata : {};
  if (typeof name === "string" && name !== "") return name;
  throw new CniError(code.cluster, "Cannot list nodes: the answer has one without a name, expected metadata.name");
}

/** All of them: pages of some 3 MiB, since each names the images that its node has. */
export async function allNodes(api: Api, limitMs: number): Promise<Listed> {
  const errand = { act: "list nodes", permission: "list nodes" };
  return await listAll(async (path) => await api.send({ ...errand, method: "GET", path, limitMs }), folder, {}, errand);
}

/** The first one, and what the API says of how many are left (ListMeta, remainingItemCount). */
export async function countNodes(api: Api, limitMs: number): Promise<number> {
  const errand = { act: "count nodes", permission: "list nodes" };
  const { items, metadata } = objectIn(await api.send(
    { ...errand, method: "GET", path: `${folder}?limit=1`, limitMs }), errand);
  const { remainingItemCount: left = 0 } = isJsonObject(metadata) ? metadata : {};
  return (Array.isArray(items) ? items.length : 0) + (typeof left === "number" ? left : 0);
}
