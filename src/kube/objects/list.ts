import { CniError, code } from "../../cni/index.ts";
import { ConnectionError } from "../../http/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Answer, Errand } from "../client/answer.ts";
import { objectIn } from "../client/answer.ts";

/** Objects a page: some 4 MiB of usual ones. */
const pageObjects = 200;
/** Of objects that are too long for a page so many at a time are asked for: 25, 3, and then one. */
const fewerTimes = 8;
const restartsMax = 3;

/** All objects that a list has, and the version that they are of. */
export interface Listed {
  readonly items: readonly JsonObject[];
  readonly version: string;
}

/**
 * All objects that a list has, page by page. Objects have up to 1.5 MiB: where a page is longer than an answer may be,
 * the list goes on by smaller ones.
 *
 * @param get  asks for a path
 * @throws CniError 11 where the API forgets the list again and again while it is read
 */
export async function listAll(
  get: (path: string) => Promise<Answer>, folder: string, query: Readonly<Record<string, string>>, errand: Errand,
): Promise<Listed> {
  for (let restarts = 0; restarts < restartsMax; restarts++) {
    const listed = await pagesOf(get, folder, query, errand);
    if (listed !== undefined) return listed;
  }
  throw new CniError(
    code.tryAgainLater,
    `Cannot ${errand.act}: the API has forgotten the list while it was read, expected it to last for a page`,
  );
}

/** undefined: what the list went on from is forgotten (410), and it begins again. */
async function pagesOf(
  get: (path: string) => Promise<Answer>, folder: string, query: Readonly<Record<string, string>>, errand: Errand,
): Promise<Listed | undefined> {
  const items: JsonObject[] = [];
  for (let next = "", limit = pageObjects; ; ) {
    const from = next === "" ? {} : { continue: next };
    const words = new URLSearchParams({ ...query, limit: String(limit), ...from });
    const answer = await unlessTooLong(get(`${folder}?${words.toString()}`), limit);
    if (answer === undefined) {
      limit = Math.max(1, Math.floor(limit / fewerTimes));
      continue;
    }
    if (answer.status === 410 && next !== "") return undefined;
    const list = objectIn(answer, errand), metadata = isJsonObject(list["metadata"]) ? list["metadata"] : {};
    if (!Array.isArray(list["items"])) throw notList(errand);
    items.push(...list["items"].filter(isJsonObject));
    const { continue: more, resourceVersion: version } = metadata;
    next = typeof more === "string" ? more : "";
    if (next === "") return { items, version: typeof version === "string" ? version : "" };
  }
}

/** undefined: it is longer than an answer may be, and fewer objects can be asked for. */
async function unlessTooLong(asked: Promise<Answer>, limit: number): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    const isTooLong = error instanceof CniError && error.cause instanceof ConnectionError &&
      error.cause.code === "EMSGSIZE";
    if (isTooLong && limit > 1) return undefined;
    throw error;
  }
}

function notList({ act }: Errand): CniError {
  return new CniError(code.tryAgainLater, `Cannot ${act}: the answer has no items, expected a list`);
}
