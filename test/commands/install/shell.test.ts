// polynic install --shell: completion and manual pages where shells and man(1) find them, and only ours taken away.
import {
  chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { apply } from "../../../src/commands/install/node/apply.ts";
import type { NodeFiles } from "../../../src/commands/install/node/files.ts";
import { nodeFiles } from "../../../src/commands/install/node/files.ts";
import type { ShellFile } from "../../../src/commands/install/shell/shell-files.ts";
import { shellFiles, shippedSources } from "../../../src/commands/install/shell/shell-files.ts";
import { digestOf } from "../../../src/commands/install/shell/shell-record.ts";
import { planShellInstall, planShellUninstall } from "../../../src/commands/install/shell/shell-plan.ts";
import { layOver } from "../../helpers/box.ts";
import { builtDist } from "../../helpers/dist.ts";
import { executable } from "../../helpers/executable.ts";
import { attempt, kernelSuite, run } from "../../helpers/netns.ts";
import { dyingFiles, pretendNode, wasKilled } from "../../helpers/pretend-node.ts";
import type { PretendNode } from "../../helpers/pretend-node.ts";
import type { ShellOfTest } from "../../helpers/shells/typed.ts";
import { isInstalled, typedInto } from "../../helpers/shells/typed.ts";

const man = "usr/share/man/man1", fish = "usr/share/fish/vendor_completions.d/polynic.fish";
const first: readonly ShellFile[] = [
  { name: "share/man/man1/polynic.1", content: "page" }, { name: "share/man/man1/polynic-show.1", content: "show" },
  { name: "share/fish/vendor_completions.d/polynic.fish", content: "words" },
];
const second: readonly ShellFile[] = [
  { name: "share/man/man1/polynic.1", content: "page 2" }, { name: "share/man/man1/polynic-plan.1", content: "plan" },
  { name: "share/fish/vendor_completions.d/polynic.fish", content: "words" },
];

const requestOf = ({ root }: PretendNode) => ({ root, prefix: { host: "/usr", seen: join(root, "usr") } });

function install(node: PretendNode, wanted: readonly ShellFile[], files: NodeFiles = nodeFiles) {
  const plan = planShellInstall(requestOf(node), wanted, files);
  apply(plan.steps, files);
  return plan;
}

function uninstall(node: PretendNode, files: NodeFiles = nodeFiles) {
  const plan = planShellUninstall(requestOf(node), files);
  apply(plan.steps, files);
  return plan;
}

function machine(): PretendNode {
  const node = pretendNode({ account: false });
  node.write(`${man}/other.1`, "somebody's");
  return node;
}

const shell = suite("polynic install --shell");

shell("writes what is missing and takes away exactly that, directories that it made included", () => {
  using node = machine();
  const before = node.snapshot();
  assert.equal(install(node, first).steps.map(({ what }) => what.replaceAll(node.root, "")), [
    "write /usr/share/polynic/shell.json", "write polynic.1 and 1 other into /usr/share/man/man1",
    "write polynic.fish into /usr/share/fish/vendor_completions.d",
  ]);
  assert.is(node.snapshot()[fish], "644 words");
  assert.equal(install(node, first).steps, [], "the second time");
  uninstall(node);
  assert.equal(node.snapshot(), before);
  assert.equal(uninstall(node).steps, [], "the second time");
});

shell("brings the files of another version, and removes those that it no longer has", () => {
  using node = machine();
  const before = node.snapshot();
  install(node, first);
  install(node, second);
  assert.equal([node.read(`${man}/polynic.1`), node.has(`${man}/polynic-show.1`), node.has(`${man}/polynic-plan.1`)],
    ["page 2", false, true]);
  uninstall(node);
  assert.equal(node.snapshot(), before);
});

shell("leaves what somebody else has put there, and says so", () => {
  using node = machine();
  node.write(fish, "mine");
  mkdirSync(join(node.root, man, "polynic.1"));
  const before = node.snapshot();
  assert.equal(install(node, first).notes, [
    `${node.root}/${man}/polynic.1 is left as it is: somebody else has put it there`,
    `${node.root}/${fish} is left as it is: somebody else has put it there`,
  ]);
  assert.is(node.read(fish), "mine");
  assert.equal(uninstall(node).notes, []);
  assert.equal(node.snapshot(), before);
});

shell("leaves a file that is there as it would be written to whoever wrote it", () => {
  using node = machine();
  for (const { name, content } of first) node.write(`usr/${name}`, content);
  const before = node.snapshot();
  assert.equal(install(node, first), { ...install(node, first), steps: [], notes: [] });
  uninstall(node);
  assert.equal(node.snapshot(), before);
});

shell("leaves what has been changed since, and what replaces it, and says so", () => {
  using node = machine();
  install(node, first);
  node.write(`${man}/polynic.1`, "changed");
  node.remove(fish);
  symlinkSync("/elsewhere", join(node.root, fish));
  const said = [`${man}/polynic.1`, fish]
    .map((name) => `${node.root}/${name} is left as it is: it has been changed since it was written`);
  assert.equal(planShellUninstall(requestOf(node), nodeFiles).notes, said);
  assert.equal(install(node, second).notes, said);
  uninstall(node);
  assert.equal([node.read(`${man}/polynic.1`), node.has(fish), node.has(`${man}/polynic-plan.1`)],
    ["changed", true, false]);
  assert.not(node.has("usr/share/polynic"));
});

shell("refuses a record that is none", () => {
  using node = machine();
  const names = ["share/../../etc/passwd", "shared/page", "share//page", "share/./page", "share/a\0b", "/share", "etc"];
  const records = names.flatMap((name) => [
    { version: 1, written: [{ name, sha256: "" }], directories: [] }, { version: 1, written: [], directories: [name] },
  ]);
  for (const text of ["{", "{}", ...records.map((record) => JSON.stringify(record))]) {
    node.write("usr/share/polynic/shell.json", text);
    assert.throws(() => uninstall(node), /Cannot (read|parse|decode) .*shell\.json/, text);
  }
});

shell("follows a link within the prefix, and none that leads out of it, whatever a record says", () => {
  using node = pretendNode({ account: false });
  mkdirSync(join(node.root, "usr/man/man1"), { recursive: true });
  mkdirSync(join(node.root, "usr/share/fish"), { recursive: true });
  symlinkSync("../man", join(node.root, "usr/share/man"));
  node.write("etc/polynic.fish", "words");
  symlinkSync(join(node.root, "etc"), join(node.root, dirname(fish)));
  const before = node.snapshot();
  const left = `${node.root}/${fish} is left alone: a link leads out of the prefix on the way there`;
  assert.equal(install(node, first).notes, [left]);
  assert.is(node.read("usr/man/man1/polynic.1"), "page");
  const record = JSON.parse(node.read("usr/share/polynic/shell.json"));
  const words = first.find(({ name }) => name.endsWith(".fish"));
  record.written.push({ name: words?.name, sha256: digestOf("words") });
  record.directories.push("share/fish/vendor_completions.d/empty");
  node.write("usr/share/polynic/shell.json", JSON.stringify(record));
  mkdirSync(join(node.root, "etc/empty"));
  assert.equal(uninstall(node).notes, [left]);
  assert.ok(node.has("etc/empty"));
  rmSync(join(node.root, "etc/empty"), { recursive: true });
  assert.equal(node.snapshot(), before);
});

shell("keeps no record where a link leads out of the prefix", () => {
  using node = pretendNode({ account: false });
  for (const name of ["usr", "elsewhere/polynic"]) mkdirSync(join(node.root, name), { recursive: true });
  symlinkSync(join(node.root, "elsewhere"), join(node.root, "usr/share"));
  assert.throws(() => install(node, first), /Cannot install into .*: a link leads out of .*, expected a directory in/);
  node.write("elsewhere/polynic/shell.json", JSON.stringify({ version: 1, written: [], directories: [] }));
  assert.equal(uninstall(node).steps, []);
});

shell("writes below a prefix that is a link itself", () => {
  using node = pretendNode({ account: false });
  mkdirSync(join(node.root, "var/usr"), { recursive: true });
  symlinkSync("var/usr", join(node.root, "usr"));
  install(node, first);
  assert.is(node.read("var/usr/share/man/man1/polynic.1"), "page");
  uninstall(node);
  assert.equal(readdirSync(join(node.root, "var/usr")), []);
});

shell("is killed at any change and goes on from there", () => {
  let kills = 0;
  for (const torn of [false, true]) {
    for (const verb of ["install", "uninstall"] as const) {
      for (let change = 1; ; change++) {
        using node = machine();
        const before = node.snapshot();
        install(node, first);
        const killed = wasKilled(() => {
          const files = dyingFiles(change, { torn });
          if (verb === "install") install(node, second, files);
          else uninstall(node, files);
        });
        if (!killed) break;
        kills++;
        if (verb === "install") {
          install(node, second);
          assert.equal(install(node, second).steps, []);
          assert.is(node.read(`${man}/polynic.1`), "page 2");
        }
        uninstall(node);
        assert.equal(node.snapshot(), before, `${verb}, change ${change}`);
      }
    }
  }
  assert.ok(kills > 20, String(kills));
});

shell("writes files that everybody can read, whatever the umask", () => {
  using node = machine();
  const umask = process.umask(0o077);
  try {
    install(node, first);
  } finally {
    process.umask(umask);
  }
  for (const [path, mode] of [[fish, 0o644], [dirname(fish), 0o755]] as const)
    assert.is(statSync(join(node.root, path)).mode & 0o777, mode, path);
});

shell("knows where Debian's zsh looks", () => {
  using node = machine();
  builtDist();
  const zsh = (host: string) => shellFiles({ root: node.root, prefix: { host, seen: join(node.root, host) } },
    shippedSources, nodeFiles).map(({ name }) => name).find((name) => name.endsWith("/_polynic"));
  assert.is(zsh("/usr"), "share/zsh/site-functions/_polynic");
  node.write("etc/debian_version", "12");
  assert.equal([zsh("/usr"), zsh("/usr/local")],
    ["share/zsh/vendor-completions/_polynic", "share/zsh/site-functions/_polynic"]);
});
shell.run();

const typed = suite("polynic install --shell, typed");
const asked = (...words: readonly string[]) => attempt(...executable("polynic"), ...words);

typed("takes no option that is about a node, and --prefix with --shell alone", () => {
  for (const [words, said] of [
    [["install", "--shell", "--daemon"], /Cannot use --shell with --daemon/],
    [["uninstall", "--shell", "--cni-bin-dir=/x"], /Cannot use --shell with --cni-bin-dir/],
    [["install", "--prefix=/usr"], /Cannot use --prefix without --shell/],
    [["install", "--shell", "--prefix=usr"], /Cannot use --prefix usr: expected an absolute path/],
  ] as const) {
    const { status, stderr } = asked(...words);
    assert.equal([status, said.test(stderr)], [2, true], stderr);
  }
  const { status, stderr } = asked("install", "--shell", "--prefix=/none/at/all");
  assert.equal([status, /\/none\/at\/all: there is no such directory/.test(stderr)], [1, true], stderr);
});

typed("tells what was removed from a node where the rest cannot be", () => {
  using node = pretendNode();
  node.write("etc/cni/net.d/10-flannel.conflist", JSON.stringify({ cniVersion: "1.0.0", name: "cbr0",
    plugins: [{ type: "flannel" }] }));
  node.install();
  node.write("usr/local/share/polynic/shell.json", "{");
  const { status, stdout, stderr } = asked("uninstall", `--root=${node.root}`);
  assert.is(status, 1);
  assert.ok(stdout.includes(`remove ${node.root}/etc/cni/net.d/`), stdout);
  assert.match(stderr, /shell\.json/);
});

typed("tells who is not root what would be right, and writes nothing", () => {
  if (process.getuid?.() !== 0) return;
  const directory = mkdtempSync(join(tmpdir(), "polynic-prefix-"));
  try {
    chmodSync(directory, 0o755);
    const [program, ...words] = executable("polynic");
    const { status, stderr } = attempt("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, ...words,
      "install", "--shell", `--prefix=${directory}`);
    assert.equal([status, stderr.trim()], [1, `polynic install: Cannot change ${directory}: permission denied ` +
      "(EACCES), expected to be run as root, or --prefix with a directory of yours as ~/.local"]);
    assert.not(existsSync(join(directory, "share")));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
typed.run();

const shells: readonly ShellOfTest[] = [
  {
    name: "bash", words: "bash --norc --noprofile -i",
    begin: "source /usr/share/bash-completion/bash_completion",
  },
  { name: "zsh", words: "zsh -f -i", begin: "PS1='ready> '; autoload -U compinit; compinit -u -D" },
  { name: "fish", words: "fish -i", begin: "function fish_prompt; echo 'ready> '; end" },
];
const hasLazyBash = existsSync("/usr/share/bash-completion/bash_completion");

const onMachine = kernelSuite("polynic install --shell on this machine's own /usr", import.meta.url);
onMachine.before(() => {
  layOver("/usr");
  run(...executable("polynic"), "install", "--shell");
});

for (const one of shells) {
  const isThere = isInstalled(one.name) && (one.name !== "bash" || hasLazyBash);
  if (!isThere) process.stderr.write(`\nSKIPPED where ${one.name} looks for completion: it is not installed\n`);
  (isThere ? onMachine : onMachine.skip)(`has ${one.name} complete words by itself`, async () => {
    const [program, name] = executable("polynic");
    assert.equal(await typedInto(one, ["polynic modu", "polynic attach --st"], `${program} ${name}`),
      ["<module>", "<attach><--state-dir>"]);
  });
}

const hasMan = isInstalled("man");
if (!hasMan) process.stderr.write("\nSKIPPED where man looks: it is not installed\n");
(hasMan ? onMachine : onMachine.skip)("has man(1) find every page", () => {
  for (const page of ["polynic", "polynic-network-create"])
    assert.is(run("man", "-w", page).trim(), `/usr/share/man/man1/${page}.1`);
});

onMachine("is told where /usr is read-only, and uninstalls all of it", () => {
  run("mount", "-o", "remount,ro", "/usr");
  const { status, stderr } = asked("uninstall", "--shell");
  assert.equal([status, /its file system is mounted read-only \(EROFS\)/.test(stderr)], [1, true], stderr);
  run("mount", "-o", "remount,rw", "/usr");
  const page = "/usr/share/man/man1/polynic.1", text = readFileSync(page, "utf8");
  writeFileSync(page, `${text}changed`);
  assert.match(run(...executable("polynic"), "uninstall", "--shell"), `note: ${page} is left as it is`);
  assert.equal([existsSync(page), existsSync("/usr/share/man/man1/polynic-show.1"), existsSync("/usr/share/polynic")],
    [true, false, false]);
});
onMachine.run();
