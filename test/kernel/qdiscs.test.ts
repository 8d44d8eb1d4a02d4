import * as assert from "uvu/assert";
import { openOwnNamespace } from "../../src/kernel/index.ts";
import type { Namespace } from "../../src/kernel/index.ts";
import { throws } from "../helpers/errors.ts";
import { kernelSuite, run } from "../helpers/netns.ts";

let host: Namespace;
let index = 0;
/** What `tc -j` says. */
const tc = (command: string): any[] => JSON.parse(run("tc", "-j", "-d", ...command.split(" ")) || "[]");

const bucket = { kind: "tbf", rate: 1000n, bufferTicks: 156_250, limitBytes: 35 } as const;
const everything = [{ mask: 0, value: 0, offset: 0 }];

const qdiscs = kernelSuite("qdiscs", import.meta.url);
qdiscs.before(() => {
  run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  run("ip", "link", "add", "bwp0", "type", "ifb");
  for (const name of ["v0", "v1", "bwp0"]) run("ip", "link", "set", name, "up");
  host = openOwnNamespace();
  ({ index } = host.links.get("v0"));
});

qdiscs("add puts a token bucket where packets leave", () => {
  assert.equal(tc("qdisc show dev v0").map(({ kind }) => kind), ["noqueue"]);
  assert.equal(host.qdiscs.find(index, "root"), { handle: 0, kind: "noqueue" });
  host.qdiscs.add(index, "root", { handle: 0x1_0000, info: bucket });
  const [made] = tc("qdisc show dev v0");
  // tc tells a latency in place of the limit: (limit - burst) / rate.
  assert.equal([made.kind, made.handle, made.root, made.options.rate, made.options.burst],
    ["tbf", "1:", true, 1000, "10b/1"]);
  assert.is(Math.round(made.options.lat), 25_000);
  assert.equal(host.qdiscs.find(index, "root"), { handle: 0x1_0000, kind: "tbf", info: bucket });
  throws(() => host.qdiscs.add(index, "root", { handle: 0x1_0000, info: bucket }), "EEXIST");
});

qdiscs("delete goes back to what the kernel chooses", () => {
  host.qdiscs.delete(index, "root");
  assert.equal(tc("qdisc show dev v0").map(({ kind }) => kind), ["noqueue"]);
  throws(() => host.qdiscs.delete(index, "root"), "ENOENT");
});

qdiscs("find tells what the kernel itself chose, and says ENODEV of a link that is not there", () => {
  assert.is(tc("qdisc show dev bwp0")[0].kind, "pfifo_fast");
  assert.equal(host.qdiscs.find(host.links.get("bwp0").index, "root"), { handle: 0, kind: "pfifo_fast" });
  run("ip", "link", "add", "bwp1", "type", "ifb");
  assert.is(host.qdiscs.find(host.links.get("bwp1").index, "root"), undefined);
  throws(() => host.qdiscs.find(4711, "root"), "ENODEV");
});

qdiscs("rates of 4 GiB/s and more are kept", () => {
  const fast = { kind: "tbf", rate: 0x2_0000_0000n, bufferTicks: 1_000_000, limitBytes: 0xffff_fff0 } as const;
  host.qdiscs.add(index, "root", { handle: 0x1_0000, info: fast });
  assert.is(tc("qdisc show dev v0")[0].options.rate, 0x2_0000_0000);
  assert.equal(host.qdiscs.find(index, "root")?.info, fast);
  host.qdiscs.delete(index, "root");
});

qdiscs("a rate of zero is refused by the kernel, one of 2^64 before it is asked", () => {
  assert.match(throws(() => host.qdiscs.add(index, "root", { handle: 0x1_0000, info: { ...bucket, rate: 0n } }),
    "EINVAL").message, 'Cannot add qdisc "tbf" to link "v0": kernel said EINVAL');
  assert.throws(() => host.qdiscs.add(index, "root", { handle: 0x1_0000, info: { ...bucket, rate: 2n ** 64n } }),
    /Cannot encode options.rate64.u64: expected/);
});

qdiscs("what arrives is redirected to another link", () => {
  const to = host.links.get("bwp0").index;
  assert.is(host.qdiscs.find(index, "ingress"), undefined);
  host.qdiscs.add(index, "ingress", { handle: 0xffff_0000, info: { kind: "ingress" } });
  assert.equal(host.qdiscs.find(index, "ingress"), { handle: 0xffff_0000, kind: "ingress", info: { kind: "ingress" } });
  assert.equal(host.qdiscs.redirections(index), []);
  const redirection = { priority: 1, keys: everything, class: 0x1_0001, to };
  host.qdiscs.redirect(index, redirection);

  const filter = tc("filter show dev v0 ingress").find(({ options }) => options?.actions !== undefined);
  assert.equal([filter.protocol, filter.pref, filter.kind, filter.options.flowid ?? filter.options.flow_id],
    ["all", 1, "u32", "1:1"]);
  assert.equal(filter.options.match, { value: "0", mask: "0", offmask: "", off: 0 });
  const [action] = filter.options.actions;
  assert.equal([action.kind, action.mirred_action, action.direction, action.to_dev, action.control_action.type],
    ["mirred", "redirect", "egress", "bwp0", "stolen"]);
  assert.equal(host.qdiscs.redirections(index), [redirection]);
  assert.equal(host.qdiscs.redirections(to), []);

  host.qdiscs.delete(index, "ingress");
  assert.equal(tc("filter show dev v0 ingress"), []);
  assert.match(throws(() => host.qdiscs.redirect(index, redirection), "EINVAL").message,
    'Cannot redirect packets of link "v0" to link "bwp0": kernel said EINVAL');
});

qdiscs("redirected packets arrive at the other link and go on", () => {
  const to = host.links.get("bwp0").index;
  host.qdiscs.add(index, "ingress", { handle: 0xffff_0000, info: { kind: "ingress" } });
  host.qdiscs.redirect(index, { priority: 1, keys: everything, class: 0x1_0001, to });
  run("ip", "netns", "add", "other");
  run("ip", "link", "set", "v1", "netns", "other");
  run("ip", "addr", "add", "10.9.0.1/24", "dev", "v0");
  run("ip", "netns", "exec", "other", "sh", "-c", "ip addr add 10.9.0.2/24 dev v1 && ip link set v1 up");
  run("ip", "netns", "exec", "other", "ping", "-c", "2", "-i", "0.2", "-W", "5", "10.9.0.1");
  const { stats64 } = JSON.parse(run("ip", "-j", "-s", "link", "show", "bwp0"))[0];
  assert.ok(stats64.rx.packets >= 2, JSON.stringify(stats64));
});
qdiscs.run();
