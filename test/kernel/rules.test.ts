import * as assert from "uvu/assert";
import { openOwnNamespace } from "../../src/kernel/index.ts";
import type { Namespace, Rule } from "../../src/kernel/index.ts";
import { formatPrefix, parsePrefix } from "../../src/net/index.ts";
import { throws } from "../helpers/errors.ts";
import { ipJson, kernelSuite, run } from "../helpers/netns.ts";

let host: Namespace;

const rules = kernelSuite("rules", import.meta.url, { needs: ["ipv6"] });
rules.before(() => {
  host = openOwnNamespace();
});
rules.after.each(() => {
  for (const family of ["-4", "-6"]) {
    run("sh", "-c", `while ip ${family} rule del pref 1-32765 2>/dev/null; do :; done;
      ip ${family} -j rule | tr '}' '\\n' | sed -n 's/.*"priority":\\([0-9]*\\).*/\\1/p' | while read p; do
        case $p in 0|32766|32767) ;; *) ip ${family} rule del pref $p;; esac; done`);
  }
});

/** What `ip rule` lists beyond the three that are always there. */
const listed = (family: 4 | 6) => ipJson(`-${family} rule show`).filter(({ priority }) => ![0, 32766, 32767].includes(
  priority));

const shown = ({ src, dst, table, priority }: Rule) => [src, dst].map((one) => (one === undefined ? "all"
  : formatPrefix(one))).concat(String(table), String(priority));

for (const [family, address] of [[4, "10.1.2.5/32"], [6, "2001:db8::5/128"]] as const) {
  rules(`IPv${family}: add leads from an address to a table, before what was there`, () => {
    assert.equal(listed(family), []);
    host.rules.add({ family, src: parsePrefix(address), table: 100 });
    host.rules.add({ family, src: parsePrefix(address), table: 1000 });
    assert.equal(listed(family).map((rule) => [rule.priority, rule.src, rule.srclen, rule.table]), [
      [32764, address.split("/")[0], undefined, "1000"], [32765, address.split("/")[0], undefined, "100"],
    ]);
    assert.equal(host.rules.list(family).filter(({ table }) => table < 253 || table > 255).map(shown), [
      [address, "all", "1000", "32764"], [address, "all", "100", "32765"],
    ]);
  });
}

rules("add takes all that a packet can be asked for", () => {
  const rule = {
    family: 4, src: parsePrefix("10.1.0.0/16"), dst: parsePrefix("10.2.0.0/16"), iif: "eth7", oif: "eth8",
    fwmark: 0x10, fwmask: 0xff, table: 70_000, priority: 99,
  } as const;
  host.rules.add(rule);
  const [made] = listed(4);
  assert.equal(
    [made.priority, made.src, made.srclen, made.dst, made.dstlen, made.iif, made.oif, made.fwmark, made.fwmask,
      made.table],
    [99, "10.1.0.0", 16, "10.2.0.0", 16, "eth7", "eth8", "0x10", "0xff", "70000"],
  );
  assert.equal(host.rules.list(4).find(({ priority }) => priority === 99),
    { ...rule, action: 1, protocol: 0, inverted: false });
  assert.is(throws(() => host.rules.add(rule), "EEXIST").message,
    'Cannot add rule from 10.1.0.0/16 to 10.2.0.0/16 iif "eth7" oif "eth8" fwmark 16 to table 70000 with priority 99: '
      + "kernel said EEXIST (File exists)");
});

rules("delete takes the first that is as described, and says ENOENT when there is none", () => {
  const src = parsePrefix("10.1.2.5/32");
  host.rules.add({ family: 4, src, table: 100 });
  host.rules.add({ family: 4, src, table: 101 });
  host.rules.add({ family: 4, src: parsePrefix("10.1.2.6/32"), table: 100 });
  host.rules.delete({ family: 4, src, table: 100 });
  assert.equal(listed(4).map((rule) => [rule.src, rule.table]), [["10.1.2.6", "100"], ["10.1.2.5", "101"]]);
  host.rules.delete({ family: 4, src });
  assert.is(throws(() => host.rules.delete({ family: 4, src }), "ENOENT").message,
    "Cannot delete rule from 10.1.2.5/32: kernel said ENOENT (No such file or directory)");
  assert.equal(listed(4).map((rule) => rule.src), ["10.1.2.6"]);
});

rules("rules of others are read as they are", () => {
  run("ip", "rule", "add", "not", "from", "10.9.0.0/16", "pref", "50", "blackhole");
  run("ip", "rule", "add", "from", "all", "pref", "51", "lookup", "main", "protocol", "static");
  const all = host.rules.list(4);
  assert.equal(all.map(({ priority }) => priority), [0, 50, 51, 32766, 32767]);
  assert.equal(all[1], { family: 4, src: parsePrefix("10.9.0.0/16"), table: 0, priority: 50, action: 6, protocol: 0,
    inverted: true });
  assert.equal(all[2], { family: 4, table: 254, priority: 51, action: 1, protocol: 4, inverted: false });
});

rules("a prefix of all addresses asks for nothing", () => {
  host.rules.add({ family: 6, src: parsePrefix("::/0"), table: 100, priority: 7 });
  assert.equal(listed(6).map((rule) => [rule.src, rule.table]), [["all", "100"]]);
  host.rules.delete({ family: 6, priority: 7 });
});
rules.run();
