// polynic trace: an attachment in steps, which is one as any other.
import * as assert from "uvu/assert";
import { attempt, ipJson, kernelSuite, run } from "../helpers/netns.ts";
import { emptyMachine, restoreMachine, typedHere as typed, typedHereWithJson as typedJson,
  writeConf } from "../helpers/typed.ts";

const conf = { cniVersion: "1.0.0", name: "shop", plugins: [
  { type: "bridge", bridge: "shop0", isGateway: true, ipMasq: true, ipMasqBackend: "nftables",
    ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] } },
] };

const trace = kernelSuite("polynic trace", import.meta.url, { needs: ["nft_nat"] });
trace.before(() => {
  emptyMachine();
  run("ip", "netns", "add", "web");
  writeConf("10-shop.conflist", conf);
});
trace.after(() => {
  run("ip", "netns", "del", "web");
  attempt("ip", "link", "del", "shop0");
  restoreMachine();
});

trace("attaches, and tells each step with its time", async () => {
  const { status, json } = await typedJson("trace", "web", "shop");
  assert.is(status, 0);
  assert.is(ipJson("-n web addr show dev eth0")[0].addr_info[0].local, "10.1.0.2");
  const commands: readonly string[] = json.steps.flatMap((step: any) => step.commands);
  for (const line of [
    "ip link add name shop0 type bridge",
    "ip addr add 10.1.0.1/24 brd 10.1.0.255 dev shop0",
    "ip -n $NETNS addr add 10.1.0.2/24 dev eth0",
    "ip -n $NETNS route add default via 10.1.0.1 dev eth0",
  ]) assert.ok(commands.some((one) => one.replace(/ brd \S+/, "") === line.replace(/ brd \S+/, "")), line);
  assert.ok(commands.some((line) => /^ip link add name veth\w+ .*type veth peer name eth0 netns \$NETNS$/.test(line)),
    commands.join("\n"));
  assert.ok(commands.some((line) => /^nft add rule .* ip saddr 10\.1\.0\.2 .*masquerade comment/.test(line)));
  const kinds = new Set(json.steps.map(({ kind }: any) => kind));
  for (const kind of ["plugin", "request", "look", "module", "addresses", "lock"]) assert.ok(kinds.has(kind), kind);
  // Nothing is counted twice, and nothing forgotten.
  const sum = json.totals.reduce((all: number, { ms }: any) => all + ms, 0);
  assert.ok(Math.abs(sum - json.totalMs) < 0.001 * json.totalMs);
  for (const { ms, ownMs } of json.steps) assert.ok(ms >= ownMs && ownMs >= 0);
});

trace("tells what fails, and where", async () => {
  const { status, json } = await typedJson("trace", "-i", "eth0", "web", "shop");
  assert.is(status, 1);
  assert.match(json.error, /has an interface "eth0" already/);
});

trace("detaches, in words", async () => {
  const { status, stdout } = await typed("trace", "--del", "web");
  assert.is(status, 0);
  assert.match(stdout, /^ +ms +own +share +where +step\n/);
  assert.match(stdout, /container {2}delete link "eth0"\n/);
  assert.match(stdout, /\nkind +count +ms +share\n/);
  assert.match(stdout, /\nall .* 100 %\n$/);
  assert.is(attempt("ip", "-n", "web", "link", "show", "eth0").status === 0, false);
});

trace("says what is missing", async () => {
  const { status, stderr } = await typed("trace", "web");
  assert.is(status, 2);
  assert.match(stderr, /NETWORK is missing, expected polynic trace TARGET NETWORK\.\.\., or --del\n/);
});

trace.run();
