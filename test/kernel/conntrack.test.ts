import * as assert from "uvu/assert";
import { openConntrack } from "../../src/kernel/netfilter/conntrack.ts";
import type { Conntrack } from "../../src/kernel/netfilter/conntrack.ts";
import { NetlinkSocket } from "../../src/kernel/socket.ts";
import { NETLINK_NETFILTER } from "../../src/kernel/transport.ts";
import { attempt, kernelSuite, run } from "../helpers/netns.ts";

const deletion = kernelSuite("conntrack deleteByOriginalPorts", import.meta.url);

function open(): Conntrack {
  const socket = NetlinkSocket.open(NETLINK_NETFILTER);
  return openConntrack(() => socket);
}

/** Makes an entry with the conntrack tool; the answer comes from another address, as after DNAT. */
function connection(protocol: "udp" | "tcp", from: string, to: string, sourcePort: number, port: number): void {
  const state = protocol === "tcp" ? ["--state", "ESTABLISHED"] : [];
  run("conntrack", "-I", "-p", protocol, "-s", from, "-d", to, "--sport", `${sourcePort}`, "--dport", `${port}`, "-t",
    "100", ...state);
}

/** What the conntrack tool lists: protocol, source, source port and port of the original direction. */
function connections(): string[] {
  const lines = attempt("conntrack", "-L").stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => line.replace(/^(\w+) .*? src=(\S+) dst=\S+ sport=(\d+) dport=(\d+) .*$/,
    "$1 $2 $3 $4")).sort();
}

deletion.before.each(() => {
  attempt("conntrack", "-F");
  attempt("conntrack", "-F", "-f", "ipv6");
});

deletion("takes the entries of family, protocol and original port and no others", () => {
  connection("udp", "10.0.0.1", "10.0.0.9", 1000, 53);
  connection("udp", "10.0.0.2", "10.0.0.9", 1000, 53);
  connection("udp", "10.0.0.1", "10.0.0.9", 53, 1000);
  connection("udp", "10.0.0.1", "10.0.0.9", 1000, 54);
  connection("tcp", "10.0.0.1", "10.0.0.9", 1000, 53);
  connection("udp", "fd00::1", "fd00::9", 1000, 53);
  assert.is(connections().length, 6);

  const conntrack = open();
  assert.is(conntrack.deleteByOriginalPorts({ family: 4, protocol: 17, destinationPorts: new Set([53]) }), 2);
  assert.equal(connections(), ["tcp 10.0.0.1 1000 53", "udp 10.0.0.1 1000 54", "udp 10.0.0.1 53 1000",
    "udp fd00::1 1000 53"]);
  assert.is(conntrack.deleteByOriginalPorts({ family: 6, protocol: 17, destinationPorts: new Set([53]) }), 1);
  assert.is(conntrack.deleteByOriginalPorts({ family: 4, protocol: 6, destinationPorts: new Set([53]) }), 1);
  assert.equal(connections(), ["udp 10.0.0.1 1000 54", "udp 10.0.0.1 53 1000"]);
});

deletion("takes only what was translated, to one address or to any, where that is asked", () => {
  const mapped = (source: string, to: string) => run("conntrack", "-I", "-p", "udp", "-s", source, "-d", "192.0.2.1",
    "--sport", "1000", "--dport", "53", "-r", to, "-q", source, "--reply-port-src", "5353", "--reply-port-dst", "1000",
    "-t", "100");
  connection("udp", "10.0.0.1", "10.0.0.9", 1000, 53);
  mapped("10.0.0.2", "10.1.0.5");
  mapped("10.0.0.3", "10.1.0.6");
  mapped("10.0.0.4", "10.1.0.5");
  const port = { family: 4, protocol: 17, destinationPorts: new Set([53]) } as const;
  const translatedTo = { family: 4, bytes: Uint8Array.of(10, 1, 0, 5) } as const;
  assert.is(open().deleteByOriginalPorts({ ...port, translatedTo }), 2);
  assert.equal(connections(), ["udp 10.0.0.1 1000 53", "udp 10.0.0.3 1000 53"]);
  assert.is(open().deleteByOriginalPorts({ ...port, translatedTo: true }), 1);
  assert.equal(connections(), ["udp 10.0.0.1 1000 53"]);
});

deletion("takes those of any of several ports", () => {
  for (const port of [53, 54, 55]) connection("udp", "10.0.0.1", "10.0.0.9", 1000, port);
  const ports = new Set(Array.from({ length: 5000 }, (_, i) => 54 + i));
  assert.is(open().deleteByOriginalPorts({ family: 4, protocol: 17, destinationPorts: ports }), 2);
  assert.equal(connections(), ["udp 10.0.0.1 1000 53"]);
});

deletion("of nothing is 0, also twice", () => {
  const conntrack = open();
  for (const family of [4, 6, 4] as const) {
    assert.is(conntrack.deleteByOriginalPorts({ family, protocol: 17, destinationPorts: new Set([53]) }), 0);
  }
});

deletion("takes more entries than fit into one datagram", () => {
  const count = 600;
  const script = `i=0; while [ $i -lt ${count} ]; do
    echo "-I -p udp -s 10.0.0.1 -d 10.0.0.9 --sport $((1000 + i)) --dport 53 -t 100"; i=$((i + 1));
  done | conntrack --load-file -`;
  run("sh", "-c", script);
  connection("udp", "10.0.0.1", "10.0.0.9", 1000, 54);
  assert.is(connections().length, count + 1);
  assert.is(open().deleteByOriginalPorts({ family: 4, protocol: 17, destinationPorts: new Set([53]) }), count);
  assert.equal(connections(), ["udp 10.0.0.1 1000 54"]);
});

deletion.run();
