// Metrics, log and trace of a daemon, and calls without an end: src/daemon/monitor/{observed,journal,metrics}.ts.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openWarm } from "../../../src/call/index.ts";
import { openJournal } from "../../../src/daemon/monitor/journal.ts";
import { openMetrics } from "../../../src/daemon/monitor/metrics.ts";
import type { ServedFacts } from "../../../src/daemon/monitor/observed.ts";
import { observedServe, traceOf } from "../../../src/daemon/monitor/observed.ts";
import { startDaemon, toDaemon } from "../../helpers/daemon/process.ts";
import { kernelSuite } from "../../helpers/netns.ts";
import { call, makeWorld, succeed } from "../../helpers/runtime.ts";
import { multiplexed } from "../../helpers/three-networks.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736", parentId = "00f067aa0ba902b7";
const facts: ServedFacts = { verb: "ADD", plugin: "polynic", network: "pods", code: 0, problem: undefined,
  request: "1f0c2a9b", containerId: "c1", ifName: "eth0", trace: undefined, seconds: 0.004 };

const trace = suite("traceOf");
for (const [name, text, isValid] of [
  ["takes a trace", `00-${traceId}-${parentId}-01`, true],
  ["takes one of a later version, with more to it", `01-${traceId}-${parentId}-01-more`, true],
  ["takes none of an invalid version", `ff-${traceId}-${parentId}-01`, false],
  ["takes none without a trace id", `00-${"0".repeat(32)}-${parentId}-01`, false],
  ["takes none without a parent id", `00-${traceId}-${"0".repeat(16)}-01`, false],
  ["takes none in capitals", `00-${traceId.toUpperCase()}-${parentId}-01`, false],
  ["takes no other text", "yes\n00", false],
  ["takes nothing where there is nothing", undefined, false],
] as const) trace(name, () => assert.equal(traceOf(text), isValid ? { traceId, parentId } : undefined));
trace.run();

const journal = suite("the log");
const lines = (format: "text" | "json", ...served: readonly ServedFacts[]): readonly string[] => {
  const said: string[] = [];
  const { log, served: tell } = openJournal(format, (line) => { said.push(line); }, () => new Date(0));
  log("serving");
  for (const one of served) tell(one);
  return said;
};
const failed = { ...facts, code: 7, problem: "Cannot\nread", trace: { traceId, parentId } };
journal("has for people what failed, each in a line", () => {
  assert.equal(lines("text", facts, failed), ["serving", `request 1f0c2a9b, trace ${traceId}: ADD of network "pods" ` +
    "for container c1 failed: Cannot read (code 7)"]);
});
journal("has for programs every call, an object a line", () => {
  const [first, second, third] = lines("json", facts, failed).map((line) => JSON.parse(line));
  assert.equal(first, { time: "1970-01-01T00:00:00.000Z", level: "info", message: "serving" });
  assert.equal(second, { time: "1970-01-01T00:00:00.000Z", level: "info", message: "ADD is done", request: "1f0c2a9b",
    verb: "ADD", plugin: "polynic", network: "pods", container: "c1", interface: "eth0", code: 0, seconds: 0.004 });
  assert.equal([third.level, third.message, third.traceId], ["error", "Cannot\nread", traceId]);
});
journal.run();

const metrics = suite("metrics");
metrics("count calls by verb, network and outcome, and no more names than they hold", async () => {
  const { served, heldUp, page, close } = openMetrics({ daemon: { running: 3, waiting: 2, connections: 5 },
    repaired: { attachments: 4, addresses: 0, setAside: 1, failures: 0 } });
  try {
    for (const one of [facts, facts, failed, { ...facts, verb: "NONSENSE" }]) served(one);
    for (let i = 0; i < 500; i++) served({ ...facts, network: `net-${i}`, code: 1000 + i });
    for (const seconds of [0.001, 0.03, 2]) heldUp(seconds);
    const { type, body } = await page();
    assert.match(type, /^text\/plain/);
    const count = (labels: string): RegExp => new RegExp(`^polynic_request_seconds_count\\{${labels}\\} `, "m");
    assert.match(body, /^polynic_request_seconds_count\{verb="ADD",network="pods",outcome="ok"\} 2$/m);
    assert.match(body, /^polynic_request_seconds_count\{verb="ADD",network="pods",outcome="code 7"\} 1$/m);
    assert.match(body, count('verb="other",network="pods",outcome="ok"'));
    assert.match(body, count('verb="ADD",network="other",outcome="other"'));
    assert.is(new Set(body.match(/network="[^"]+"/g)).size, 101);
    assert.match(body, /^polynic_requests_in_flight 3$/m);
    assert.match(body, /^polynic_requests_waiting 2$/m);
    assert.match(body, /^polynic_held_up_seconds_bucket\{le="0.05"\} 2$/m);
    assert.match(body, /^polynic_held_up_seconds_count 3$/m);
    assert.match(body, /^polynic_repaired_total\{what="attachments"\} 4$/m);
    assert.is((await page()).body.includes('what="attachments"} 4'), true);
  } finally {
    close();
  }
});
metrics.run();

const endless = suite("a call without an end");
endless("is given up, told to its caller and to whoever counts, each under its name", async () => {
  const warm = openWarm(), told: ServedFacts[] = [];
  const directory = mkdtempSync(join(tmpdir(), "polynic-endless-"));
  try {
    // Waits for a file that nobody makes, for much longer.
    const conf = { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: directory, logToStderr: false,
      readinessindicatorfile: join(directory, "ready"), delegates: [{ name: "odd", type: "bridge" }] };
    const { status, stdout } = await observedServe(warm, (one) => { told.push(one); }, 20)({
      name: "polynic", stdin: JSON.stringify(conf), env: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1",
        CNI_NETNS: "/run/netns/none", CNI_IFNAME: "eth0", CNI_PATH: directory },
    });
    const { code, msg } = JSON.parse(stdout);
    assert.equal([status, code], [1, 11]);
    assert.is(msg, "Cannot tell what becomes of the call: it has been worked on for 20 ms and is not done, expected " +
      `the same call again later (request ${told[0]?.request})`);
    assert.equal(told.map(({ verb, network, code }) => [verb, network, code]), [["ADD", "pods", 11]]);
  } finally {
    // Its work goes on, comes to an end by this, and is nobody's by then.
    writeFileSync(join(directory, "ready"), "");
    warm.close();
    process.once("exit", () => rmSync(directory, { recursive: true }));
  }
});
endless.run();

const daemon = kernelSuite("a daemon that is watched", import.meta.url);
daemon("tells of its calls and modules, names each in its error, and hands a trace on", async () => {
  const world = makeWorld();
  try {
    const run = await startDaemon(world, { args: ["--health", "127.0.0.1:9877", "--log-format", "json"] });
    const network = { cniVersion: "1.1.0", name: "front", type: "bridge", bridge: "front0",
      ipam: { type: "host-local", dataDir: join(world.directory, "networks"),
        ranges: [[{ subnet: "10.60.0.0/24" }]] } };
    const conf = { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(world.directory, "cni"),
      delegates: [network] };
    succeed(world, toDaemon(world, multiplexed("ADD", conf)));
    succeed(world, toDaemon(world, multiplexed("DEL", conf)));
    const plugins = join(world.directory, "plugins"), noted = join(plugins, "noted");
    mkdirSync(plugins);
    writeFileSync(join(plugins, "odd"), "#!/bin/sh\n" +
      `[ "$CNI_COMMAND" = ADD ] && echo "$TRACEPARENT" > ${noted}\nexit 1\n`);
    chmodSync(join(plugins, "odd"), 0o755);
    const odd = { ...conf, delegates: [{ cniVersion: "1.1.0", name: "odd", type: "odd" }] };
    const plain = toDaemon(world, multiplexed("ADD", odd)), TRACEPARENT = `00-${traceId}-${parentId}-01`;
    const { json } = call(world, { ...plain, path: [...plain.path, plugins], env: { ...plain.env, TRACEPARENT } });
    assert.is(readFileSync(noted, "utf8"), `${TRACEPARENT}\n`);
    const [, request = "none"] = /\(request ([0-9a-f]{8})\)$/.exec(json.msg) ?? [];
    while (!run.log.includes(request)) await sleep(5);
    const calls = run.log.trim().split("\n").map((line) => JSON.parse(line)).filter(({ verb }) => verb !== undefined);
    assert.equal(calls.map(({ verb, network: name, code }) => [verb, name, code]),
      [["ADD", "pods", 0], ["DEL", "pods", 0], ["ADD", "pods", 112]]);
    assert.equal([calls[2].request, calls[2].traceId, calls[2].parentId], [request, traceId, parentId]);
    const script = "fetch('http://127.0.0.1:9877/metrics').then((r) => r.text()).then(console.log)";
    const page = world.host.exec(process.execPath, "-e", script);
    assert.match(page, /^polynic_request_seconds_count\{verb="DEL",network="pods",outcome="ok"\} 1$/m);
    assert.match(page, /^polynic_module_fuel_count\{module="host-local"\} 1$/m);
    await run.kill();
  } finally {
    world.remove();
  }
});
daemon.run();
