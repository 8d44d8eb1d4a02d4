import { suite } from "uvu";
import * as assert from "uvu/assert";
import { waitUntilReady } from "../../src/mux/readiness.ts";
import { rejects } from "../helpers/errors.ts";

const waiting = suite("waitUntilReady");
waiting("looks every 100 ms, 45 s long, then says what is missing with code 11", async () => {
  const pauses: number[] = [];
  const { message } = await rejects(waitUntilReady("/nowhere/ready", async (ms) => { pauses.push(ms); }), 11);
  assert.match(message, /\/nowhere\/ready did not appear within 45000 ms/);
  assert.equal([pauses.length, new Set(pauses)], [450, new Set([100])]);
});
waiting("does not wait where nothing is to be waited for, or for what is there", async () => {
  const never = async (): Promise<void> => { throw new Error("it waits"); };
  for (const file of ["", import.meta.filename]) await waitUntilReady(file, never);
});
waiting.run();
