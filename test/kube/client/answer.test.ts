// src/kube/client/answer.ts: what the API's answers, and those of what stands in front of it, become in words.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../../src/cni/index.ts";
import { objectIn, problemIn, refusal, toAnswer } from "../../../src/kube/client/answer.ts";

const errand = { act: 'get pod "blue/web"', permission: 'get pods in namespace "blue"' };
const answer = (status: number, body: unknown): ReturnType<typeof toAnswer> =>
  toAnswer({ status, body: typeof body === "string" ? body : JSON.stringify(body), retryAfter: undefined });
const statusOf = (more: object): object => ({ kind: "Status", ...more });

const problems = suite("problemIn");
for (const [what, status, body, says] of [
  ["the API's message", 429, statusOf({ message: "too many requests", reason: "TooManyRequests" }),
    "it said too many requests"],
  ["its reason where there is no message", 429, statusOf({ reason: "TooManyRequests" }), "it said 429 TooManyRequests"],
  ["its status where there is neither", 503, statusOf({ message: "" }), "it said 503 without a reason"],
  ["what a proxy says", 502, "<html>\nBad gateway</html>", 'it said 502 "<html> Bad gateway</html>"'],
] as const) problems(`gives ${what}`, () => assert.is(problemIn(answer(status, body)), says));
problems.run();

const refusals = suite("refusal");
refusals("tells a reason where there is no message", () => {
  assert.is(refusal(answer(403, statusOf({ reason: "Forbidden" })), errand).message,
    `Cannot get pod "blue/web": the cluster's API said 403 Forbidden, expected the permission to ${errand.permission}`);
});
refusals.run();

const objects = suite("objectIn");
objects("refuses what is nested 200,000 deep: it could not be written back", () => {
  const deep = `{"metadata":{},"spec":${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}}`;
  assert.throws(() => objectIn(answer(200, deep), errand), (error: unknown) => error instanceof CniError
    && error.code === 120
    && error.message === 'Cannot get pod "blue/web": the answer is nested too deeply, expected an object of at most ' +
      "500 levels");
});
objects("takes what pods are", () => {
  assert.equal(objectIn(answer(200, { spec: { a: [{ b: {} }] } }), errand), { spec: { a: [{ b: {} }] } });
});
objects.run();
