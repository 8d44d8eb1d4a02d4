import { CniError, code } from "../cni/index.ts";
import type { World } from "../os/index.ts";
import { realWorld } from "../os/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import type { Answer, Errand } from "./client/answer.ts";
import { objectIn, refusal, saysNotFound, saysNotServed } from "./client/answer.ts";
import type { ApiRequest } from "./client/api.ts";
import type { Environment } from "./client/environment.ts";
import { listAll } from "./objects/list.ts";
import { openOwnAccess } from "./own-access.ts";

/** A kind of objects, all of them in namespaces. */
export interface Resource {
  /** `pods`, `ippools`. */
  readonly plural: string;
  /** "" for the API's own. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The cluster's objects as somebody sees them who looks through all of them, by hand and at leisure. */
export interface Inventory {
  /** For messages. */
  readonly place: string;
  /** Of all namespaces; undefined: the API serves no such kind. */
  list(resource: Resource): Promise<readonly JsonObject[] | undefined>;
  /** undefined: the API says that there is none. */
  get(resource: Resource, key: { readonly namespace: string; readonly name: string }): Promise<JsonObject | undefined>;
  /**
   * Creates an object without a resourceVersion, else puts it in the place of the one that was read.
   *
   * @param part  `status`: that alone
   * @returns false: somebody has changed, made or deleted it meanwhile
   */
  write(resource: Resource, object: JsonObject, part?: "status"): Promise<boolean>;
  /** Deleted already is well. */
  remove(resource: Resource, key: { readonly namespace: string; readonly name: string }): Promise<void>;
  close(): void;
}

export interface InventoryOptions {
  /** A file's path; "" for the service account of the pod we run in. */
  readonly kubeconfig: string;
  readonly env: Environment;
  readonly world?: World;
  /** For one request with all its tries. */
  readonly limitMs?: number;
}

const usualLimitMs = 20_000, tryTimeoutMs = 10_000;

/** @returns undefined when there is neither a kubeconfig nor a pod's environment */
export function openInventory({ kubeconfig, env, world = realWorld, limitMs = usualLimitMs }: InventoryOptions) {
  const access = openOwnAccess({ kubeconfig, env, world, tryTimeoutMs });
  if (access === undefined) return undefined;
  const { api, place } = access;
  const send = async (request: Omit<ApiRequest, "limitMs">): Promise<Answer> => await api.send({ ...request, limitMs });
  const inventory: Inventory = {
    place,
    async list(resource) {
      const errand = errandOf("list", resource);
      const get = async (path: string) => refuseNotServed(await send({ ...errand, method: "GET", path }));
      try {
        return (await listAll(get, folderOf(resource), {}, errand)).items;
      } catch (error) {
        if (error instanceof NotServed) return undefined;
        throw error;
      }
    },
    async get(resource, key) {
      const errand = errandOf("get", resource, key);
      const answer = await send({ ...errand, method: "GET", path: pathOf(resource, key) });
      return saysNotFound(answer, key.name) ? undefined : objectIn(served(answer, errand), errand);
    },
    async write(resource, object, part) {
      const key = keyOf(object), { resourceVersion } = metadataOf(object), isNew = resourceVersion === undefined;
      const errand = errandOf(isNew ? "create" : "update", resource, key, part);
      const path = isNew ? folderOf(resource, key.namespace)
        : `${pathOf(resource, key)}${part === undefined ? "" : `/${part}`}`;
      const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
      const answer = await send({ ...errand, method: isNew ? "POST" : "PUT", path, body });
      if (answer.status === 409 || (!isNew && saysNotFound(answer, key.name))) return false;
      objectIn(served(answer, errand), errand);
      return true;
    },
    async remove(resource, key) {
      const errand = errandOf("delete", resource, key);
      const answer = await send({ ...errand, method: "DELETE", path: pathOf(resource, key) });
      if (!saysNotFound(answer, key.name)) objectIn(answer, errand);
    },
    close: () => api.close(),
  };
  return inventory;
}

interface Key {
  readonly namespace: string;
  readonly name: string;
}

function metadataOf({ metadata }: JsonObject): JsonObject {
  return isJsonObject(metadata) ? metadata : {};
}

function keyOf(object: JsonObject): Key {
  const { namespace, name } = metadataOf(object);
  return { namespace: typeof namespace === "string" ? namespace : "", name: typeof name === "string" ? name : "" };
}

function apiVersionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}

function folderOf(resource: Resource, namespace = ""): string {
  const root = resource.group === "" ? "/api" : "/apis";
  const within = namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}/${apiVersionOf(resource)}${within}/${resource.plural}`;
}

function pathOf(resource: Resource, { namespace, name }: Key): string {
  return `${folderOf(resource, namespace)}/${encodeURIComponent(name)}`;
}

function errandOf(verb: string, { plural, group, kind }: Resource, key?: Key, part?: string): Errand {
  const what = `${plural}${part === undefined ? "" : `/${part}`}${group === "" ? "" : `.${group}`}`;
  return {
    act: key === undefined ? `${verb} ${what}` : `${verb} ${kind} "${key.namespace}/${key.name}"`,
    permission: `${verb} ${what}${key === undefined ? "" : ` in namespace "${key.namespace}"`}`,
  };
}

class NotServed extends Error {}

function refuseNotServed(answer: Answer): Answer {
  if (saysNotServed(answer)) throw new NotServed();
  return answer;
}

function served(answer: Answer, errand: Errand): Answer {
  if (!saysNotServed(answer)) return answer;
  const said = refusal(answer, { ...errand, permission: "" }).message;
  throw new CniError(code.cluster, `${said}; expected its custom resource definition to be installed`);
}
