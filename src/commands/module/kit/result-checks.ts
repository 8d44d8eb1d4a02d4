import { CniError, code } from "../../../cni/index.ts";
import type { Check, Trial } from "./check.ts";
import { random } from "./random.ts";
import { KitFailure } from "./report.ts";
import { randomSample } from "./sample.ts";
import { callOn } from "./subject.ts";

/** What holds for every merge and policy module: it chooses and reorders, and invents nothing. */
export const resultChecks: readonly Check[] = [
  { title: "every answer is made of what it was given", run: legalAnswers },
];

const requestsOfFull = 10_000;

function legalAnswers(trial: Trial): string {
  const any = random(trial.seed);
  const count = trial.scaled(requestsOfFull);
  for (let i = 0; i < count; i++) {
    const sample = randomSample(trial, any);
    try {
      sample.accept(callOn(trial.subject, sample.op, sample.frame, trial.figures));
    } catch (error) {
      const own =
        error instanceof CniError && error.code < code.moduleNotFound && error.code !== code.invalidEnvironment;
      if (!own)
        throw new KitFailure(`request ${i} of seed ${trial.seed}: ${String(error)}: ${requestText(sample.frame)}`, {
          cause: error,
        });
    }
  }
  return `${count} requests`;
}

const shownChars = 2000;
const headerBytes = 16;

/** The JSON inside a frame without ranges. */
function requestText(frame: Uint8Array): string {
  const bytes = new DataView(frame.buffer, frame.byteOffset).getUint32(8, true);
  return new TextDecoder().decode(frame.subarray(headerBytes, headerBytes + bytes)).slice(0, shownChars);
}
