// src/commands/frame.ts: finding a command, help, mistakes and the exit status, with commands of the test's own.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../src/cni/index.ts";
import type { CommandRows } from "../../src/commands/command.ts";
import { command } from "../../src/commands/command.ts";
import { CommandError } from "../../src/commands/errors.ts";
import { runTyped } from "../../src/commands/frame.ts";
import { rows as realRows } from "../../src/commands/index.ts";
import { jsonOption } from "../../src/commands/options.ts";
import { ClosedOutput } from "../../src/commands/output.ts";
import { SystemCallError } from "../../src/os/index.ts";

const systemError = Object.assign(new Error("EACCES: permission denied, open '/etc/x'"),
  { code: "EACCES", syscall: "open", path: "/etc/x" });

const rows: CommandRows = {
  paint: {
    section: "Work",
    summary: "paints things",
    load: async () => command({
      about: "In any colour that there is, as long as it is one of the three that are listed below. More would not " +
        "fit.\n\n  kept as it stands",
      parameters: { thing: { count: "some", help: "what to paint" } },
      options: { colour: { kind: "text", short: "c", choices: ["red", "blue"], help: "default: red" }, ...jsonOption },
      examples: [{ line: "polynic paint fence", help: "a red one" }],
      statuses: { 1: "it is not dry" },
      async run({ parameters: { thing }, options: { colour = "red", json: asJson }, say, json }) {
        if (asJson === true) json({ thing, colour });
        else say(`${thing.join(" and ")} in ${colour}`);
        return thing.includes("fence") ? 1 : 0;
      },
    }),
  },
  fail: {
    section: "Work",
    summary: "fails",
    load: async () => command({
      parameters: { how: { count: "one", help: "how" } },
      options: {},
      async run({ parameters: { how } }) {
        throw failures[how];
      },
    }),
  },
  tool: {
    summary: "has commands of its own",
    load: async () => ({
      rows: { one: { summary: "is one", load: async () => command({
        parameters: {}, options: {},
        async run({ say }) {
          say("one");
          return 0;
        },
      }) } },
    }),
  },
};

const failures: Readonly<Record<string, unknown>> = {
  words: new CommandError("Cannot do it: it is done, expected something else"),
  cni: new CniError(7, "Cannot use it", { details: "more" }),
  system: systemError,
  kernel: new SystemCallError('start "/usr/sbin/nft"', 11),
  bug: new TypeError("undefined is not a function"),
  closed: new ClosedOutput("gone"),
};

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly error: string;
}

async function run(words: readonly string[], terminal?: { readonly columns: number }): Promise<Ran> {
  let out = "", error = "";
  const status = await runTyped({ name: "polynic", summary: "tries", rows, aliases: { "--paint": "paint" } }, {
    words, environment: {},
    streams: {
      writeOut: (text) => void (out += text), writeError: (line) => void (error += `${line}\n`),
      isTerminal: terminal !== undefined, columns: terminal?.columns,
    },
  });
  return { status, out, error };
}

const frame = suite("frame");

for (const [title, words, status, out, error] of [
  ["runs a command", ["paint", "door"], 0, "door in red\n", ""],
  ["gives its exit status", ["paint", "door", "fence", "--colour=blue"], 1, "door and fence in blue\n", ""],
  ["finds a command in a group", ["tool", "one"], 0, "one\n", ""],
  ["takes a word that stands for a command", ["--paint", "door"], 0, "door in red\n", ""],
  ["prints data when asked", ["paint", "--json", "door"], 0,
    '{\n  "thing": [\n    "door"\n  ],\n  "colour": "red"\n}\n', ""],
  ["lists commands on stderr when there is no word", [], 2, "",
    /^polynic COMMAND: tries\n\nWork:\n  paint  paints things\n/],
  ["lists a group's when there is no word behind it", ["tool"], 2, "",
    /^polynic tool COMMAND: has commands of its own\n/],
  ["suggests the nearest command", ["piant"], 2, "",
    'polynic: Cannot understand "piant": there is no such command, expected polynic paint\n' +
      "polynic --help tells more\n"],
  ["suggests what was begun", ["to"], 2, "", /expected polynic tool\n/],
  ["says where commands are listed when none is near", ["frobnicate"], 2, "",
    /there is no such command, expected one of those that polynic help lists/],
  ["suggests within a group", ["tool", "onne"], 2, "", /^polynic tool: .*expected polynic tool one\n/],
  ["knows no command by a name of JavaScript's own", ["constructor"], 2, "", /there is no such command/],
  ["refuses what a command cannot read, by its name", ["paint"], 2, "",
    'polynic paint: Cannot understand "polynic paint": THING is missing, expected polynic paint [OPTION...] ' +
      "THING...\npolynic paint --help tells more\n"],
  ["tells why something cannot be done, exit status 1", ["fail", "words"], 1, "",
    "polynic fail: Cannot do it: it is done, expected something else\n"],
  ["tells an error of a plugin with its code", ["fail", "cni"], 1, "",
    "polynic fail: Cannot use it (code 7)\n  more\n"],
  ["tells what the system refused in a line", ["fail", "kernel"], 1, "",
    "polynic fail: Cannot start \"/usr/sbin/nft\": kernel said EAGAIN (Resource temporarily unavailable)\n"],
  ["shows the stack of a bug", ["fail", "bug"], 1, "", /^polynic fail: TypeError: undefined is not a function\n +at /],
  ["ends without a word when whoever reads is gone", ["fail", "closed"], 1, "", ""],
] as const) {
  frame(title, async () => {
    const ran = await run(words);
    assert.is(ran.status, status, ran.error);
    for (const [text, wanted] of [[ran.out, out], [ran.error, error]] as const) {
      if (typeof wanted === "string") assert.is(text, wanted);
      else assert.match(text, wanted);
    }
  });
}

frame("tells a system call's error in words, and that root is wanted where that is so", async () => {
  const { geteuid } = process;
  for (const [uid, wanted] of [[1000, ", expected to be run as root"], [0, ""]] as const) {
    process.geteuid = () => uid;
    try {
      assert.equal(await run(["fail", "system"]),
        { status: 1, out: "", error: `polynic fail: Cannot open /etc/x: permission denied (EACCES)${wanted}\n` });
    } finally {
      if (geteuid !== undefined) process.geteuid = geteuid;
    }
  }
});

const help = suite("help");

for (const words of [["help"], ["--help"], ["-h"], ["help", "help"]]) {
  help(`lists all commands: ${words.join(" ")}`, async () => {
    assert.equal(await run(words), { status: 0, error: "", out: "polynic COMMAND: tries\n\nWork:\n  paint  paints " +
      "things\n  fail   fails\n\n  tool   has commands of its own\n\npolynic COMMAND --help tells more\n" });
  });
}

for (const words of [["help", "paint"], ["paint", "--help"], ["paint", "-h"], ["paint", "--wrong", "--help"]]) {
  help(`tells of a command: ${words.join(" ")}`, async () => {
    const { status, out } = await run(words);
    assert.is(status, 0);
    assert.is(out, `polynic paint [OPTION...] THING...

Paints things.

In any colour that there is, as long as it is one of the three that are listed below. More would not
fit.

  kept as it stands

  THING  what to paint

Options:
  -c, --colour red|blue  default: red
  --json                 print one JSON document

Examples:
  polynic paint fence
      a red one

Exit status: 0 as wanted, 1 it is not dry, 2 not understood
`);
  });
}

help("of a group and of a command in it", async () => {
  assert.match((await run(["help", "tool"])).out, /^polynic tool COMMAND: has/);
  assert.match((await run(["tool", "help", "one"])).out, /^polynic tool one\n/);
});

help("is no option behind --", async () => {
  assert.is((await run(["paint", "--", "--help"])).out, "--help in red\n");
});

help("fits the terminal, and has colour only there", async () => {
  const { out } = await run(["help", "paint"], { columns: 40 });
  assert.ok(out.includes("\x1b[1mOptions:\x1b[22m"));
  const widths = out.split("\n").map((line) => line.replace(/\x1b\[\d+m/g, "").length);
  assert.ok(Math.max(...widths) <= 60, out);
});

const all = suite("every command of polynic");

async function walk(of: CommandRows, name: string, visit: (name: string, summary: string, entry: object) => void) {
  for (const [word, { summary, load }] of Object.entries(of)) {
    const entry = await load();
    visit(`${name} ${word}`, summary, entry);
    if ("rows" in entry) await walk(entry.rows, `${name} ${word}`, visit);
  }
}

all("says what it does in a line that begins small and ends without a stop", async () => {
  const seen: string[] = [];
  await walk(realRows, "polynic", (name, summary) => {
    seen.push(name);
    assert.match(summary, /^[a-z].*[^.]$/, name);
    assert.ok(summary.length <= 80, name);
  });
  assert.ok(seen.length > 10);
});

all("has letters of options once, and open parameters last", async () => {
  await walk(realRows, "polynic", (name, _, entry) => {
    if (!("parameters" in entry)) return;
    // What is no group is a command.
    const { parameters, options } = entry as ReturnType<typeof command>;
    const letters = Object.values(options).flatMap(({ short }) => short ?? []);
    assert.is(new Set(letters).size, letters.length, name);
    const counts = Object.values(parameters).map(({ count }) => count);
    assert.ok(counts.slice(0, -1).every((count) => count === "one"), name);
  });
});

for (const each of [frame, help, all]) each.run();
