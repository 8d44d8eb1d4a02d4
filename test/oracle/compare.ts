// Applies deploy/base/crd.yaml to a real server and prints what it answers to each of test/deploy/definitions.ts;
// status 1 when an answer is not the one on record.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import type { Vector } from "../deploy/definitions.ts";
import { vectors } from "../deploy/definitions.ts";

const [, , server = ""] = process.argv;
const crd = parse(readFileSync(join(import.meta.dirname, "..", "..", "deploy", "base", "crd.yaml"), "utf8"));
const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const networks = "/apis/k8s.cni.cncf.io/v1/namespaces/blue/network-attachment-definitions";
const startLimitMs = 60_000, pauseMs = 200;
/** The server answers for a new definition a moment after it says that it is established. */
const establishedMs = 2_000;

interface Answer {
  readonly status: number;
  readonly body: any;
}

async function send(method: string, path: string, body?: object): Promise<Answer> {
  const answer = await fetch(`${server}${path}`, { method, headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: answer.status, body: await answer.json() };
}

async function applyDefinition(): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      const { status, body } = await send("POST", crds, crd);
      if (status !== 201) throw new Error(`Cannot apply the definition: the server said ${status} ${body.message}`);
      break;
    } catch (error) {
      if (!(error instanceof TypeError) || waitedMs > startLimitMs) throw error;
      await sleep(pauseMs);
    }
  }
  await sleep(establishedMs);
}

/** As the record has it: without the field's name and its value, and without the remark that CEL was left out. */
function causesOf({ body }: Answer): readonly string[] {
  const causes: readonly { readonly field: string; readonly message: string }[] = body.details.causes;
  return causes.filter(({ field }) => field === "spec.config")
    .map(({ message }) => message.replace(/^Invalid value: "(?:[^"\\]|\\.)*": /, ""));
}

async function answerTo({ config, spec = config === undefined ? undefined : { config } }: Vector,
  index: number): Promise<201 | readonly string[]> {
  const answer = await send("POST", networks, { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition",
    metadata: { name: `vector-${index}` }, ...(spec === undefined ? {} : { spec }) });
  return answer.status === 201 ? 201 : causesOf(answer);
}

await applyDefinition();
let different = 0;
for (const [index, vector] of vectors.entries()) {
  const answer = await answerTo(vector, index);
  const isSame = isDeepStrictEqual(answer, vector.answer);
  if (!isSame) different++;
  console.log(`${isSame ? "same     " : "DIFFERENT"}  ${vector.title}: ${JSON.stringify(answer)}`);
}
console.log(`${vectors.length} definitions, ${different} answered otherwise than recorded`);
process.exit(different === 0 ? 0 : 1);
