import { CniError, code, messageOf } from "../../cni/index.ts";
import type { Block, BlockChange, BlockEngine, SeenBlock } from "../../ipam/index.ts";
import { RecalledBlocks, addressOfId, entryToJson } from "../../ipam/index.ts";
import type { World } from "../../os/index.ts";
import { realWorld } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Answer, Errand } from "../client/answer.ts";
import { objectIn, refusal, saysNotFound, saysNotServed } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import type { Connections } from "../client/connections.ts";
import type { Environment } from "../client/environment.ts";
import { listAll } from "../objects/list.ts";
import { openOwnAccess } from "../own-access.ts";
import {
  digestOf, fromObject, group, isFiled, kind, labels, nameOf, resource, toObject, version,
} from "./block-object.ts";

export interface KubeBlocksOptions {
  /** A file's path; "" for the service account of the pod we run in. */
  readonly kubeconfig: string;
  readonly env: Environment;
  /** Those that others use as well, and close; absent: its own. */
  readonly connections?: Connections | undefined;
  readonly world?: World;
  /** For one request with all its tries. */
  readonly limitMs?: number;
}

const usualLimitMs = 6_000, tryTimeoutMs = 2_000;
/** So many may be asked for by name, one request each; more are one list. */
const namedMax = 2;
const undoTriesMax = 10;

const folder = `/apis/${group}/${version}/${resource}`;

/**
 * Blocks as objects of the cluster, one each. Creating one claims it; every change is a PUT with the resourceVersion
 * that was read, which the API refuses (409) when anybody has written the object since.
 *
 * @returns undefined when there is neither a kubeconfig nor a pod's environment
 */
export function openKubeBlocks({ kubeconfig, env, ...options }: KubeBlocksOptions): BlockEngine | undefined {
  const { world = realWorld, limitMs = usualLimitMs, connections } = options;
  const access = openOwnAccess({ kubeconfig, env, world, tryTimeoutMs, connections });
  if (access === undefined) return undefined;
  const { api, place } = access;
  const objects = new BlockObjects(api, limitMs), recalled = new RecalledBlocks(() => world.monotonicMs());
  return {
    place,
    async readFor(scope, { node, keys }) {
      const lists = await Promise.all([labels.node(node), ...keys.map(labels.key)].map((label) =>
        objects.list(scope, label)));
      recalled.read(scope, node, lists[0] ?? []);
      return [...new Map(lists.flat().map((block) => [block.id, block])).values()];
    },
    recall: (scope, node) => recalled.of(scope, node),
    readSome: async (scope, ids) => await objects.some(scope, ids),
    readAll: async (scope) => await objects.list(scope),
    misfiled: async (scope) => await objects.misfiled(scope),
    refile: async (scope, block) => await objects.write(scope, { before: block, after: block }) !== undefined,
    write: async (scope, changes) =>
      await recalled.writing(scope, async () => await writeAll(objects, scope, changes, world)),
    status: async () => await objects.whyNotReady(),
    close: () => api.close(),
  };
}

class BlockObjects {
  readonly #api: Api;
  readonly #limitMs: number;
  /** There where nothing was found: perhaps somebody has taken their labels away, by which they are listed. */
  readonly #misfiled = new Set<string>();

  constructor(api: Api, limitMs: number) {
    this.#api = api;
    this.#limitMs = limitMs;
  }

  /** All of a scope, or those that a term of a label selector chooses besides. */
  async list(scope: string, term?: string): Promise<readonly SeenBlock[]> {
    return await this.#listBy(scope, [`${labels.scope}=${digestOf(scope)}`, ...(term === undefined ? [] : [term])]);
  }

  /** Those without their labels, and those without the scope's that are of it all the same. */
  async misfiled(scope: string): Promise<readonly SeenBlock[]> {
    const all = [...await this.list(scope), ...await this.#listBy(scope, [`!${labels.scope}`])];
    // Every stamp is the object.
    return all.filter((block) => !isFiled(scope, block, block.stamp as JsonObject));
  }

  async #listBy(scope: string, terms: readonly string[]): Promise<readonly SeenBlock[]> {
    const selector = terms.join(",");
    const errand = { act: `list reservations of "${scope}"`, permission: `list ${resource}.${group}` };
    const get = async (path: string) => await this.#send("GET", path, errand);
    const { items } = await listAll(get, folder, { labelSelector: selector }, errand);
    return items.map((item) => fromObject(scope, item)).filter((one) => one !== undefined);
  }

  async some(scope: string, ids: readonly string[]): Promise<readonly SeenBlock[]> {
    const isListed = ids.length > namedMax, named = isListed ? ids.filter((id) => this.#misfiled.has(id)) : ids;
    const listed = isListed ? await this.list(scope, `${labels.block} in (${ids.join(",")})`) : [];
    const found = await Promise.all(named.map(async (id) => await this.get(scope, id)));
    return [...listed.filter(({ id }) => !named.includes(id)), ...found.filter((block) => block !== undefined)];
  }

  async get(scope: string, id: string): Promise<SeenBlock | undefined> {
    const first = addressOfId(id);
    if (first === undefined) return undefined;
    const name = nameOf(scope, first);
    const errand = { act: `get ${kind} "${name}"`, permission: `get ${resource}.${group}` };
    const answer = await this.#send("GET", `${folder}/${name}`, errand);
    return saysNotFound(answer, name) ? undefined : fromObject(scope, objectIn(answer, errand));
  }

  /** The block as it was written; undefined when it has changed since it was read. */
  async write(scope: string, { before, after }: BlockChange): Promise<SeenBlock | undefined> {
    // Ours: every block that we are given back is one that we gave.
    const object = toObject(scope, after, before?.stamp as JsonObject | undefined), name = nameOf(scope, after.first);
    const isNew = before === undefined;
    const errand = { act: `${isNew ? "create" : "update"} ${kind} "${name}"`,
      permission: `${isNew ? "create" : "update"} ${resource}.${group}` };
    const answer = await this.#send(isNew ? "POST" : "PUT", isNew ? folder : `${folder}/${name}`, errand, object);
    if (isNew && answer.status === 409) this.#misfiled.add(after.id);
    if (answer.status === 409 || (!isNew && saysNotFound(answer, name))) return undefined;
    return fromObject(scope, objectIn(answer, errand));
  }

  async whyNotReady(): Promise<string | undefined> {
    const errand = { act: "list reservations", permission: `list ${resource}.${group}` };
    try {
      const answer = await this.#send("GET", `${folder}?limit=1`, errand);
      objectIn(answer, errand);
      return undefined;
    } catch (error) {
      if (error instanceof CniError) return messageOf(error);
      throw error;
    }
  }

  async #send(method: "GET" | "POST" | "PUT", path: string, errand: Errand, body?: JsonObject): Promise<Answer> {
    const answer = await this.#api.send({ ...errand, method, path, limitMs: this.#limitMs,
      ...(body === undefined ? {} : { body }) });
    if (saysNotServed(answer)) throw notServed(answer, errand);
    return answer;
  }
}

/**
 * The API has no transactions: what was written before a conflict is taken back.
 *
 * @returns the blocks as they are now; undefined: something has changed since it was read
 */
async function writeAll(objects: BlockObjects, scope: string, changes: readonly BlockChange[], world: World) {
  const written: BlockChange[] = [], now: SeenBlock[] = [];
  try {
    for (const change of changes) {
      const block = await objects.write(scope, change);
      if (block === undefined) {
        await takeBack(objects, scope, written, world);
        return undefined;
      }
      written.push(change);
      now.push(block);
    }
    return now;
  } catch (error) {
    // Of what could not be asked nobody knows; of what was refused we do.
    if (written.length > 0 && error instanceof CniError && error.code !== code.tryAgainLater)
      await takeBack(objects, scope, written, world);
    throw error;
  }
}

/** Entry by entry: what others have written into the block since stays. */
async function takeBack(objects: BlockObjects, scope: string, written: readonly BlockChange[], world: World) {
  for (const { before, after } of written) {
    for (let tries = 0; ; tries++) {
      const now = await objects.get(scope, after.id);
      if (now === undefined) break;
      if (await objects.write(scope, { before: now, after: undone(now, { before, after }) })) break;
      if (tries === undoTriesMax)
        throw new CniError(
          code.tryAgainLater,
          `Cannot take back what was written to ${kind} "${nameOf(scope, after.first)}": others change it all the ` +
            "time, expected a quieter moment",
        );
      await world.sleep(world.random() * 50);
    }
  }
}

function undone(now: Block, { before, after }: BlockChange): Block {
  const entries = new Map(now.entries);
  for (const offset of new Set([...(before?.entries.keys() ?? []), ...after.entries.keys()])) {
    const was = before?.entries.get(offset), made = after.entries.get(offset);
    if (was === made || textOf(now.entries.get(offset)) !== textOf(made)) continue;
    if (was === undefined) entries.delete(offset);
    else entries.set(offset, was);
  }
  return { ...now, entries };
}

function textOf(entry: ReturnType<Block["entries"]["get"]>): string {
  return entry === undefined || entry.state === "unreadable" ? "" : JSON.stringify(entryToJson(entry));
}

function notServed(answer: Answer, { act }: Errand): CniError {
  const said = refusal(answer, { act, permission: "" }).message;
  return new CniError(
    code.cluster,
    `${said}; expected the custom resource definition ${resource}.${group} of deploy/cluster-ipam to be installed`,
  );
}
