import { CniError, code } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Answer, Errand } from "../client/answer.ts";
import { objectIn } from "../client/answer.ts";

/** Objects a page: some 4 MiB at most. */
const pageObjects = 200;
const restartsMax = 3;

/**
 * All objects that a list has, page by page.
 *
 * @param get  asks for a path
 * @throws CniError 11 where the API forgets the list again and again while it is read
 */
export async function listAll(
  get: (path: string) => Promise<Answer>, folder: string, query: Readonly<Record<string, string>>, errand: Errand,
): Promise<readonly JsonObject[]> {
  for (let restarts = 0; restarts < restartsMax; restarts++) {
    const items = await pagesOf(get, folder, query, errand);
    if (items !== undefined) return items;
  }
  throw new CniError(
    code.tryAgainLater,
    `Cannot ${errand.act}: the API has forgotten the list while it was read, expected it to last for a page`,
  );
}

/** undefined: what the list went on from is forgotten (410), and it begins again. */
async function pagesOf(
  get: (path: string) => Promise<Answer>, folder: string, query: Readonly<Record<string, string>>, errand: Errand,
): Promise<readonly JsonObject[] | undefined> {
  const items: JsonObject[] = [];
  for (let next = ""; ; ) {
    const from = next === "" ? {} : { continue: next };
    const words = new URLSearchParams({ ...query, limit: String(pageObjects), ...from });
    const answer = await get(`${folder}?${words.toString()}`);
    if (answer.status === 410 && next !== "") return undefined;
    const list = objectIn(answer, errand), metadata = list["metadata"];
    if (!Array.isArray(list["items"])) throw notList(errand);
    items.push(...list["items"].filter(isJsonObject));
    next = isJsonObject(metadata) && typeof metadata["continue"] === "string" ? metadata["continue"] : "";
    if (next === "") return items;
  }
}

function notList({ act }: Errand): CniError {
  return new CniError(code.tryAgainLater, `Cannot ${act}: the answer has no items, expected a list`);
}
