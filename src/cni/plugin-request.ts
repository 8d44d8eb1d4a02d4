import type { JsonObject } from "../schema/index.ts";
import { confSchema, readConf } from "./conf.ts";
import { requireNetworkName } from "./environment.ts";
import { parseJsonObject } from "./json.ts";
import { parsePrevResult } from "./result/parsing.ts";
import type { Result } from "./result/result.ts";
import { impliedVersion } from "./version.ts";

/** What a plugin reads on stdin, its envelope checked. */
export interface PluginRequestInput {
  /** Everything but the envelope below, keys as they were; `cniVersion`, `name` and `type` in that spelling. */
  readonly conf: { readonly cniVersion: string; readonly name: string; readonly type: string } & JsonObject;
  /** As JSON; read it with `parsePrevResult` once the version has been accepted. */
  readonly prevResult: JsonObject | undefined;
  /** GC: undefined when the runtime gave no list; a null one is empty. */
  readonly validAttachments: readonly { readonly containerID: string; readonly ifname: string }[] | undefined;
}

/**
 * The request a runtime wrote to stdin. A missing or empty cniVersion is 0.1.0, a missing type "".
 *
 * @throws CniError 6 when it is no JSON object, 7 when the name is missing or not well-formed (then in the details), or
 *   another part of the envelope has the wrong type
 */
export function parsePluginRequest(text: string): PluginRequestInput {
  const json = parseJsonObject(text, "the network configuration on stdin");
  const {
    prevResult,
    "cni.dev/valid-attachments": valid,
    "cni.dev/attachments": older,
    ...rest
  } = readConf(schema, json);
  requireNetworkName(rest.name);
  const { cniVersion = "", type = "" } = rest;
  return {
    conf: { ...rest, cniVersion: cniVersion === "" ? impliedVersion : cniVersion, type },
    prevResult,
    validAttachments: valid ?? older ?? (namesAttachments(json) ? [] : undefined),
  };
}

/** `prevResult` of a request, in the shape of 1.1.0; undefined when there is none. Throws as `parsePrevResult` does. */
export function prevResultOf(request: PluginRequestInput): Result | undefined {
  return request.prevResult === undefined ? undefined : parsePrevResult(request.prevResult, request.conf.cniVersion);
}

const schema = confSchema("plugin-request");

const attachmentKeys: ReadonlySet<string> = new Set(["cni.dev/valid-attachments", "cni.dev/attachments"]);

/** The reference library writes null for a runtime's empty list, which is not the same as giving none. */
function namesAttachments(json: JsonObject): boolean {
  return Object.keys(json).some((key) => attachmentKeys.has(key.toLowerCase()));
}
