// A node is changed while pods start: a kill between any two changes leaves a working configuration, and both commands
// go on from there to where they would have got.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PretendNode } from "../../helpers/pretend-node.ts";
import { binDir, confDir, dyingFiles, pretendNode, runtimeProblem, wasKilled } from "../../helpers/pretend-node.ts";

const flannel = { cniVersion: "1.0.0", name: "cbr0", plugins: [{ type: "flannel" }] };
const primary = `${confDir}/10-flannel.conflist`;
const multus = { cniVersion: "0.3.1", name: "multus-cni-network", type: "multus",
  kubeconfig: "/etc/cni/net.d/multus.d/multus.kubeconfig", delegates: [{ ...flannel, cniVersion: "0.3.1" }] };

interface Story {
  readonly title: string;
  readonly words: readonly string[];
  /** What the node has before. */
  prepare(node: PretendNode): void;
  /** Run before the installation that is killed, for one that changes an installed node. */
  readonly then?: (node: PretendNode) => void;
}

const stories: readonly Story[] = [
  { title: "on a plain node", words: ["--link=bridge"], prepare: () => {} },
  { title: "over a Multus", words: [], prepare: withMultus },
  { title: "over a Multus, taking its kubeconfig's name",
    words: ["--multus-kubeconfig-file-host=/etc/cni/net.d/multus.d/multus.kubeconfig"], prepare: withMultus },
  { title: "renaming the primary configuration, over an executable of our name", words: ["--rename-conf-file"],
    prepare: (node) => node.write(`${binDir}/polynic`, "older", 0o755) },
  { title: "again, with a newer tree, another token and a primary of an older version", words: [], prepare: () => {},
    then(node) {
    node.ship("2");
    node.write("account/token", "token-2");
    node.write(primary, { ...flannel, cniVersion: "0.4.0" });
  } },
];

function withMultus(node: PretendNode): void {
  node.write(`${confDir}/00-multus.conf`, multus, 0o600);
  node.write(`${confDir}/multus.d/multus.kubeconfig`, "Multus's own", 0o600);
}

/** More changes than any of them makes. */
const changesMax = 200;

function prepared({ prepare, then, words }: Story): PretendNode {
  const node = pretendNode({ types: ["flannel", "multus"] });
  node.write(primary, flannel);
  prepare(node);
  if (then === undefined) return node;
  node.install(words);
  then(node);
  return node;
}

/** Kills `run` at every change there is, with and without half of it done; `after` sees what is left each time. */
function killedEverywhere(story: Story, run: (node: PretendNode, files: ReturnType<typeof dyingFiles>) => void,
  after: (node: PretendNode) => void): number {
  let kills = 0;
  for (const torn of [false, true]) {
    for (let change = 1; change <= changesMax; change++) {
      using node = prepared(story);
      const check = () => assert.is(runtimeProblem(node), undefined, `at change ${change} of "${story.title}"`);
      if (!wasKilled(() => run(node, dyingFiles(change, { torn, look: check })))) break;
      kills++;
      check();
      after(node);
    }
  }
  return kills;
}

const crash = suite("a kill");

for (const story of stories) {
  const { title, words } = story;

  crash(`of polynic install ${title}: the runtime can work at every moment, and installing again ends as if nothing ` +
    "had been", () => {
    using undisturbed = prepared(story);
    undisturbed.install(words);
    const wanted = undisturbed.snapshot();
    const kills = killedEverywhere(story, (node, files) => node.install(words, files), (node) => {
      node.install(words);
      assert.equal(node.snapshot(), wanted);
      assert.equal(node.planInstall(words).steps, []);
    });
    assert.ok(kills > 20, `${kills} kills`);
  });

  crash(`of polynic install ${title}: polynic uninstall gives back what was there`, () => {
    using undisturbed = prepared(story);
    if (story.then !== undefined) undisturbed.uninstall();
    const wanted = undisturbed.snapshot();
    killedEverywhere(story, (node, files) => node.install(words, files), (node) => {
      node.uninstall();
      assert.equal(node.snapshot(), wanted);
      assert.equal(node.planUninstall().steps, []);
    });
  });

  crash(`of polynic uninstall ${title}: uninstalling again ends as if nothing had been`, () => {
    using undisturbed = prepared(story);
    undisturbed.install(words);
    undisturbed.uninstall();
    const wanted = undisturbed.snapshot();
    const installed: Story = { ...story, prepare: (node) => { story.prepare(node); node.install(words); } };
    const kills = killedEverywhere({ ...installed, ...(story.then === undefined ? {}
      : { then: (node) => { story.then?.(node); node.install(words); } }) },
      (node, files) => node.uninstall([], files), (node) => {
        node.uninstall();
        assert.equal(node.snapshot(), wanted);
      });
    assert.ok(kills > 10, `${kills} kills`);
  });

  crash(`of polynic uninstall ${title}: polynic install puts it right again`, () => {
    using undisturbed = prepared({ ...story, prepare: (node) => { story.prepare(node); } });
    undisturbed.install(words);
    const wanted = undisturbed.snapshot(/polynic\.d/);
    const installed: Story = { title, words,
      prepare: (node) => {
        story.prepare(node);
        if (story.then !== undefined) {
          node.install(words);
          story.then(node);
        }
        node.install(words);
      } };
    killedEverywhere(installed, (node, files) => node.uninstall([], files), (node) => {
      node.install(words);
      // Which older trees are kept depends on how far it got.
      assert.equal(node.snapshot(/polynic\.d/), wanted);
      assert.equal(node.planInstall(words).steps, []);
    });
  });
}

crash.run();

const failure = suite("a failing disk");

failure("ends the command with the step it could not do, and the next run goes on", () => {
  using node = pretendNode();
  node.write(primary, flannel);
  const full = () => { throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }); };
  const files = { ...dyingFiles(changesMax), create: full };
  assert.throws(() => node.install([], files),
    /^Cannot write .*install\.json: ENOSPC: no space left on device, write$/);
  assert.is(runtimeProblem(node), undefined);
  node.install();
  assert.equal(node.planInstall().steps, []);
});

failure.run();
