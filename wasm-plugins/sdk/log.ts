import { JsonWriter } from "./json-writer";

const longestLog = 20;
const longestLine = 256;

let lines: JsonWriter | null = null;
let count = 0;

/**
 * A line for whoever debugs: the host prints it on stderr when asked to. Line 21 and characters behind 256 are dropped.
 */
export function log(line: string): void {
  if (count++ >= longestLog) return;
  const known = lines;
  const kept = line.length > longestLine ? line.substring(0, longestLine) : line;
  lines = (known === null ? new JsonWriter() : known.raw(",")).text(kept);
}

/** Adds the lines to an answer that has no closing bracket yet. */
export function closeWithLog(answer: JsonWriter): JsonWriter {
  const known = lines;
  if (known !== null) {
    if (answer.length > 1) answer.raw(",");
    answer.raw('"log":[').append(known).raw("]");
  }
  return answer.raw("}");
}
