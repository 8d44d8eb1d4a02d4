// What changes from one look to the next.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { changeLines } from "../../../src/commands/show/changes.ts";
import { modelOf } from "../../../src/commands/show/model.ts";
import { watch } from "../../../src/commands/show/watch.ts";
import { plain } from "../../../src/commands/style.ts";
import { exampleNode } from "./facts.ts";

const changes = suite("changeLines");
const [none, one, two] = [0, 1, 2].map((pods) => modelOf(exampleNode(pods))) as
  [ReturnType<typeof modelOf>, ReturnType<typeof modelOf>, ReturnType<typeof modelOf>];

changes("are none where all is as before", () => assert.equal(changeLines(one, modelOf(exampleNode(1))), []));
changes("tell what came and what went", () => {
  const came = ["", " eth0 up on cni0", " eth0 10.88.0.3/16"];
  assert.equal(changeLines(one, two), came.map((line) => `+ container shop/web-1${line}`));
  assert.equal(changeLines(two, one), came.map((line) => `- container shop/web-1${line}`));
});
changes.run();

const watching = suite("watch");

async function said(looks: readonly ReturnType<typeof modelOf>[], isTerminal: boolean): Promise<readonly string[]> {
  const lines: string[] = [], left = [...looks];
  await watch({ isTerminal, rows: 8, now: () => new Date(0),
    look: async () => left.shift() ?? none, wait: async () => left.length > 0,
  }, { say: (line) => void lines.push(line), style: plain, columns: 80 });
  return lines;
}

watching("prints a line for each change, with its time, beginning with what is there", async () => {
  const lines = await said([none, one, one, two], false);
  assert.ok(lines.every((line) => line.startsWith("1970-01-01T00:00:00.000Z + ")));
  assert.is(lines.at(-1), "1970-01-01T00:00:00.000Z + container shop/web-1 eth0 10.88.0.3/16");
  assert.is(new Set(lines).size, lines.length);
});

watching("draws a terminal anew when something has changed, as much as it holds", async () => {
  const screens = await said([none, one, one, two], true);
  assert.is(screens.length, 3);
  for (const screen of screens) {
    assert.ok(screen.startsWith("\x1b[H\x1b[2J"));
    assert.ok(screen.split("\n").length <= 6);
  }
  assert.match(screens[1] ?? "", /… \d+ more lines$/);
});

watching.run();
