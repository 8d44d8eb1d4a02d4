import { CniError, code } from "../../../cni/index.ts";
import { defaultLimits, op, readAnswer } from "../../../wasm/index.ts";
import type { Check, Trial } from "./check.ts";
import { replayElsewhere } from "./other-process.ts";
import { random } from "./random.ts";
import { KitFailure } from "./report.ts";
import type { Sample } from "./sample.ts";
import { randomSample } from "./sample.ts";
import { callOn } from "./subject.ts";

/**
 * Items 1 and 7 of the conformance kit, for every kind: the same bytes give the same answer, and bad bytes no wild one.
 */
export const frameChecks: readonly Check[] = [
  { title: "same request, same answer and fuel, here and in another process", run: sameAnswers },
  { title: "cut, damaged and unknown requests end in an error", run: damagedFrames },
];

const framesOfFull = 400;

async function sameAnswers(trial: Trial): Promise<string> {
  const any = random(trial.seed + 10);
  const samples = Array.from({ length: trial.scaled(framesOfFull) }, () => randomSample(trial, any));
  const first = samples.map((sample) => answerWithFuel(trial, sample));
  const second = samples.map((sample) => answerWithFuel(trial, sample));
  const [{ op: opNumber } = { op: 0 }] = samples;
  const elsewhere = await replayElsewhere({
    metered: trial.subject.metered,
    op: opNumber,
    fuel: defaultLimits.fuel,
    frames: samples.map(({ frame }) => frame),
  });
  for (const [index, answer] of first.entries()) {
    const others = [["the second time", second[index]], ["in another process", elsewhere[index]]] as const;
    for (const [where, other] of others) {
      if (other !== answer)
        throw new KitFailure(
          `frame ${index} of seed ${trial.seed} is answered "${answer}", and ${where} "${other ?? ""}", expected the ` +
            "same",
        );
    }
  }
  return `${samples.length} requests`;
}

function answerWithFuel(trial: Trial, { op: opNumber, frame }: Sample): string {
  const figures = { fuel: 0, memoryBytes: 0 };
  const text = callOn(trial.subject, opNumber, frame, figures);
  trial.figures.fuel = Math.max(trial.figures.fuel, figures.fuel);
  trial.figures.memoryBytes = Math.max(trial.figures.memoryBytes, figures.memoryBytes);
  return `${figures.fuel} ${text}`;
}

/** The header of a request: a position, a width and a value that is wrong there. */
const damages: readonly (readonly [string, number, 2 | 4, number])[] = [
  ["another magic", 0, 4, 0x46494e44],
  ["ABI 2", 4, 2, 2],
  ["65535 ranges", 6, 2, 0xffff],
  ["one range more", 6, 2, 40],
  ["JSON of 4 GiB", 8, 4, 0xffff_ffff],
  ["JSON of no bytes", 8, 4, 0],
  ["a total of no bytes", 12, 4, 0],
  ["a total of 4 GiB", 12, 4, 0xffff_ffff],
];

const cutFramesOfFull = 8;
const longestCut = 2048;

function damagedFrames(trial: Trial): string {
  const any = random(trial.seed + 11);
  let count = 0;
  for (let i = 0; i < trial.scaled(cutFramesOfFull); i++) {
    const sample = randomSample(trial, any);
    for (let bytes = 0; bytes < Math.min(sample.frame.length, longestCut); bytes++, count++) {
      bear(trial, sample, sample.frame.subarray(0, bytes), `cut at byte ${bytes}`);
    }
    for (const [title, at, width, value] of damages) {
      const frame = sample.frame.slice();
      const data = new DataView(frame.buffer);
      if (width === 2) data.setUint16(at, value, true);
      else data.setUint32(at, value, true);
      bear(trial, sample, frame, title);
      count++;
    }
    refuseUnknownOp(trial, sample);
  }
  return `${count} requests`;
}

/** An error or a trap is right, an answer the host accepts is harmless, anything else is not. */
function bear(trial: Trial, sample: Sample, frame: Uint8Array, what: string): void {
  try {
    sample.accept(callOn(trial.subject, sample.op, frame, trial.figures));
  } catch (error) {
    const borne = error instanceof CniError && (error.code < code.moduleNotFound || error.code === code.moduleTrap);
    if (!borne)
      throw new KitFailure(
        `a request with ${what} is answered badly: ${String(error)}, expected an error of the module's own`,
        { cause: error },
      );
  }
}

/** Numbers ABI 1 leaves free. */
const unknownOps = [0, 4, 17, 31, 33, 255, -1];

function refuseUnknownOp({ subject, figures }: Trial, { frame }: Sample): void {
  for (const unknown of [...unknownOps, ...otherKindsOps(subject.metadata.ops)]) {
    let answered: unknown;
    try {
      answered = JSON.stringify(readAnswer(subject.name, callOn(subject, unknown, frame, figures)));
    } catch (error) {
      if (error instanceof CniError && error.code === code.invalidEnvironment) continue;
      answered = error;
    }
    throw new KitFailure(
      `op ${unknown}, which it does not know, is answered with ${String(answered)}, expected an error with code 4`,
    );
  }
}

function otherKindsOps(ops: readonly string[]): readonly number[] {
  const ipam = ops.includes("allocate"), merge = ops.includes("merge"), policy = ops.includes("review");
  return [...(ipam ? [] : [op.allocate]), ...(merge ? [] : [op.merge]), ...(policy ? [] : [op.review])];
}
