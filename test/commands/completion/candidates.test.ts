// What may stand next, of the real commands and of this machine's networks and containers.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { kernelSuite, makeNetns } from "../../helpers/netns.ts";
import { emptyMachine, restoreMachine, typedHere, writeConf } from "../../helpers/typed.ts";

async function offered(...words: readonly string[]): Promise<readonly (readonly string[])[]> {
  const { status, stdout, stderr } = await typedHere("completion", "words", "--", ...words);
  assert.is(status, 0, stderr);
  return stdout.split("\n").slice(0, -1).map((line) => line.split("\t"));
}

async function texts(...words: readonly string[]): Promise<readonly (string | undefined)[]> {
  return (await offered(...words)).map(([text]) => text);
}

const words = suite("polynic completion words");

words("lists commands with what they do, and those of a group", async () => {
  const all = await offered("");
  assert.ok(all.length > 15);
  assert.equal(all.find(([text]) => text === "show"),
    ["show", "draws the node: containers, interfaces, bridges, addresses, ports and rules"]);
  assert.ok((await texts("module", "")).includes("inspect"));
  assert.ok((await texts("help", "module", "in")).includes("inspect"));
});

const file = ["", "file"], directory = ["", "directory"];

for (const [title, typed, wanted] of [
  ["an option's fixed values", ["module", "new", "--kind", ""], [["ipam", ""], ["merge", ""], ["policy", ""]]],
  ["the same behind =", ["module", "new", "--kind="],
    [["--kind=ipam", ""], ["--kind=merge", ""], ["--kind=policy", ""]]],
  ["the same behind a letter", ["network", "create", "-d", ""],
    [["bridge", ""], ["macvlan", ""], ["ipvlan", ""], ["overlay", ""]]],
  ["truth behind a switch and =", ["network", "create", "--icc="], [["--icc=true", ""], ["--icc=false", ""]]],
  ["files where a parameter is one", ["lint", "a.yaml", ""], [file]],
  ["files and directories by what a value is called", ["install", "--conf", ""], [file]],
  ["directories", ["attach", "--conf-dir", ""], [directory]],
  ["files behind =", ["install", "--conf="], [file]],
  ["what a parameter is, behind --", ["lint", "--", "--"], [file]],
  ["nothing for free text", ["ipam", "free", "--container", ""], []],
  ["nothing behind a command that is none", ["frobnicate", ""], []],
  ["nothing behind an option that is none and =", ["version", "--frobnicate="], []],
  ["nothing behind the last parameter and --", ["version", "--", ""], []],
] as const) {
  words(`offers ${title}`, async () => assert.equal(await offered(...typed), wanted));
}

words("offers options that are not given yet, and those that may be repeated", async () => {
  assert.equal(await offered("version", "--json", "-"), [["--help", "tell more"]]);
  assert.equal(await offered("version", ""), [["--json", "print one JSON document"], ["--help", "tell more"]]);
  assert.ok((await texts("attach", "web", "-p", "80:80", "--")).includes("--publish"));
  assert.not.ok((await texts("attach", "web", "-i", "lan0", "--")).includes("--interface"));
});

words("takes a word that stands for a command", async () => {
  assert.ok((await texts("--version", "--")).includes("--json"));
});

for (const shell of ["bash", "zsh", "fish"]) {
  words(`has a script for ${shell}`, async () => {
    const { status, stdout } = await typedHere("completion", shell);
    assert.is(status, 0);
    assert.match(stdout, new RegExp(`Completion of polynic for ${shell}`));
  });
}

const machine = kernelSuite("polynic completion words, on a machine", import.meta.url);

machine("offers the names of networks and containers, each once", async () => {
  emptyMachine();
  const bin = mkdtempSync(join(tmpdir(), "polynic-bin-")), { PATH } = process.env;
  try {
    const namespace = makeNetns();
    writeConf("10-shop.conflist", { cniVersion: "1.0.0", name: "shop", plugins: [{ type: "bridge" }] });
    writeConf("20-broken.conflist", "{");
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "docker"), '#!/bin/sh\n[ "$1" = ps ] && printf "web\\ndb\\n"\n', { mode: 0o755 });
    writeFileSync(join(bin, "podman"), "#!/bin/sh\nexit 125\n", { mode: 0o755 });
    process.env["PATH"] = `${bin}:${PATH}`;
    assert.equal(await offered("attach", "web", ""), [["shop", "/etc/cni/net.d/10-shop.conflist"], file]);
    const containers = await offered("attach", "");
    assert.equal(containers.filter(([text]) => text !== namespace.name), [["web", "docker"], ["db", "docker"]]);
    assert.ok(containers.some(([text, help]) => text === namespace.name && help === "network namespace"));
    namespace.remove();
  } finally {
    process.env["PATH"] = PATH;
    rmSync(bin, { recursive: true });
    restoreMachine();
  }
});

for (const each of [words, machine]) each.run();
