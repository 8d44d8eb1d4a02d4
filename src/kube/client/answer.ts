import { CniError, code, isTooDeep, jsonDepthMax } from "../../cni/index.ts";
import type { HttpAnswer } from "../../http/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { jsonObjectIn } from "./json-object.ts";

/** What the API said to one request, whatever it said. */
export interface Answer {
  readonly status: number;
  /** undefined: the body is not a JSON object, so perhaps it was not the API that answered. */
  readonly object: JsonObject | undefined;
  readonly body: string;
}

/** The request as messages tell it. */
export interface Errand {
  /** `get pod "blue/web"`: follows "Cannot". */
  readonly act: string;
  /** `get pods in namespace "blue"`: what a role must grant. */
  readonly permission: string;
}

export function toAnswer({ status, body }: HttpAnswer): Answer {
  return { status, object: jsonObjectIn(body), body };
}

/** Worth another try: the server is overloaded, restarting, or something in front of it cannot reach it. */
export function isPassing(status: number): boolean {
  return passing.has(status);
}

const passing: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * The object the API answered with.
 *
 * @throws CniError 11 when it is none, 120 when the API refused
 */
export function objectIn(answer: Answer, errand: Errand): JsonObject {
  if (answer.status < 200 || answer.status > 299) throw refusal(answer, errand);
  // An object is written back as a whole, which takes the engine's stack.
  if (isTooDeep(answer.body))
    throw new CniError(
      code.cluster,
      `Cannot ${errand.act}: the answer is nested too deeply, expected an object of at most ${jsonDepthMax} levels`,
    );
  if (answer.object !== undefined) return answer.object;
  throw new CniError(
    code.tryAgainLater,
    `Cannot ${errand.act}: the answer is ${excerpt(answer)}, expected a JSON object of the cluster's API`,
  );
}

/**
 * Whether the API itself says that there is no object of this name. A 404 of a proxy, or for an address the API does
 * not know, proves nothing about the object.
 *
 * @see k8s.io/apimachinery NewNotFound: kind Status, reason NotFound, details.name
 */
export function saysNotFound({ status, object }: Answer, name: string): boolean {
  if (status !== 404 || object?.["kind"] !== "Status" || object["reason"] !== "NotFound") return false;
  const details = object["details"];
  return isJsonObject(details) && details["name"] === name;
}

/** Whether this is what the API says of a kind of object it does not serve; the plain text is its own way to say it. */
export function saysNotServed({ status, object, body }: Answer): boolean {
  if (status !== 404) return false;
  if (object === undefined) return body.trim() === "404 page not found";
  const details = object["details"];
  const name = isJsonObject(details) ? details["name"] : undefined;
  return object["kind"] === "Status" && object["reason"] === "NotFound" && (name === undefined || name === "");
}

/** The error for an answer that is no success. */
export function refusal(answer: Answer, { act, permission }: Errand): CniError {
  const said = statusMessage(answer);
  if (said === undefined) {
    return new CniError(
      code.tryAgainLater,
      `Cannot ${act}: the answer is ${excerpt(answer)}, expected one of the cluster's API`,
    );
  }
  const told = `the cluster's API said ${answer.status} ${said === "" ? reasonOf(answer) : JSON.stringify(said)}`;
  if (answer.status === 401)
    return new CniError(code.cluster, `Cannot ${act}: ${told}, expected it to accept our credentials`);
  if (answer.status === 403)
    return new CniError(code.cluster, `Cannot ${act}: ${told}, expected the permission to ${permission}`);
  return new CniError(code.cluster, `Cannot ${act}: ${told}, expected success`);
}

/** The API's own message; undefined when it was not the API that answered. */
export function statusMessage({ object }: Answer): string | undefined {
  if (object?.["kind"] !== "Status") return undefined;
  const message = object["message"];
  return typeof message === "string" ? message : "";
}

/** What an answer that is worth another try said: in the API's own words where it has any. */
export function problemIn(answer: Answer): string {
  const said = statusMessage(answer);
  if (said === undefined) return `it said ${excerpt(answer)}`;
  return `it said ${said === "" ? `${answer.status} ${reasonOf(answer)}` : said}`;
}

function reasonOf({ object }: Answer): string {
  const reason = object?.["reason"];
  return typeof reason === "string" && reason !== "" ? reason : "without a reason";
}

/** How much of a foreign answer a message shows. */
const excerptChars = 80;

/** `502 "<html>..."`, short, on one line. */
export function excerpt({ status, body }: Answer): string {
  const text = body.replace(/\s+/g, " ").trim();
  return `${status} ${JSON.stringify(text.length > excerptChars ? `${text.slice(0, excerptChars)}...` : text)}`;
}
