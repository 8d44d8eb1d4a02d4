// src/dhcp/lease.ts and client.ts: a lease from its first question to its end, by a clock that the test turns.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DhcpMessage, Effect, LeaseState, LeaseTerms, Step } from "../../src/dhcp/index.ts";
import { messageType, onMessage, onTime, release, resume, start } from "../../src/dhcp/index.ts";
import { formatAddress, parseAddress } from "../../src/net/index.ts";

const terms: LeaseTerms = {
  mac: "02:00:5e:00:00:01", clientId: new Uint8Array([0, 0x63, 0x31]),
    provided: new Map([[12, new Uint8Array([0x77])]]),
  requested: [3, 1], broadcast: false, longestWaitMs: 4000, exchangeLimitMs: 10_000, limitMs: 30_000,
};
const at = (nowMs: number, chance = 0.5) => ({ nowMs, random: () => chance });
const address = parseAddress("10.0.0.5"), server = parseAddress("10.0.0.2"), other = parseAddress("10.0.0.3");
const number = (value: number): Uint8Array => new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);

interface Answer {
  readonly xid?: number;
  readonly from?: typeof server | undefined;
  readonly options?: readonly (readonly [number, Uint8Array])[];
  readonly mac?: string;
  readonly yiaddr?: typeof address;
}

function answer(type: keyof typeof messageType, state: LeaseState, more: Answer = {}): DhcpMessage {
  const from = "from" in more ? more.from : server;
  return {
    op: "reply", xid: more.xid ?? ("exchange" in state ? state.exchange.xid : 0), secs: 0, broadcast: false,
    ciaddr: parseAddress("0.0.0.0"), yiaddr: more.yiaddr ?? address, chaddr: more.mac ?? terms.mac,
    options: new Map([
      [53, new Uint8Array([messageType[type]])], [1, number(0xffffff00)], [51, number(600)],
      ...(from === undefined ? [] : [[54, from.bytes] as const]), ...(more.options ?? []),
    ]),
  };
}

/** What is sent, in short: `request 10.0.0.5 from 10.0.0.2`. */
function told(effects: readonly Effect[]): readonly string[] {
  return effects.map((effect) => {
    if (effect.kind === "bound") return `bound ${formatAddress(effect.lease.address)}`;
    if (effect.kind === "ended") return `ended: ${effect.reason}`;
    const { message: { options, ciaddr }, to } = effect;
    const type = Object.entries(messageType).find(([, code]) => code === options.get(53)?.[0])?.[0] ?? "?";
    const of = (code: number): string => options.get(code)?.join(".") ?? "-";
    return `${type} ${of(50)} server ${of(54)} ciaddr ${formatAddress(ciaddr)}${to === undefined ? "" : ` to ${formatAddress(to.server)}`}`;
  });
}

/** Bound at 0 for ten minutes. */
function bound(): Step {
  const offered = onMessage(start(terms, at(0)).state, answer("offer", start(terms, at(0)).state), terms, at(0));
  return onMessage(offered.state, answer("ack", offered.state), terms, at(0));
}

const acquiring = suite("acquiring a lease");

acquiring("asks, takes an offer, requests it and is bound", () => {
  const first = start(terms, at(0));
  assert.equal(told(first.effects), ["discover - server - ciaddr 0.0.0.0"]);
  const second = onMessage(first.state, answer("offer", first.state), terms, at(20));
  assert.equal(told(second.effects), ["request 10.0.0.5 server 10.0.0.2 ciaddr 0.0.0.0"]);
  const third = onMessage(second.state, answer("ack", second.state), terms, at(40));
  assert.equal(told(third.effects), ["bound 10.0.0.5"]);
  assert.is(third.state.phase, "bound");
  assert.is(third.state.wakeAtMs, 40 + 300_000);
});

acquiring("sends what it is told to, and the largest message it takes", () => {
  const [effect] = start({ ...terms, broadcast: true }, at(0)).effects;
  const message = effect?.kind === "send" ? effect.message : undefined;
  assert.is(message?.broadcast, true);
  assert.equal([...(message?.options ?? [])].map(([code, value]) => [code, [...value]]), [
    [53, [1]], [61, [0, 0x63, 0x31]], [57, [0x05, 0xdc]], [55, [3, 1]], [12, [0x77]],
  ]);
});

acquiring("lets a configured client identifier go before its own, also in a release", () => {
  const own = { ...terms, provided: new Map([[61, new Uint8Array([9])]]) };
  const [effect] = start(own, at(0)).effects;
  assert.equal(effect?.kind === "send" ? effect.message.options.get(61) : undefined, new Uint8Array([9]));
  const [gone] = release(bound().state, own, at(0)).effects;
  assert.equal(gone?.kind === "send" ? gone.message.options.get(61) : undefined, new Uint8Array([9]));
});

acquiring("asks again after 1, 2, 4 and 4 seconds, anew after ten, and no more after thirty", () => {
  let { state } = start(terms, at(0));
  const waits: number[] = [], xids = new Set<number>();
  let ended: readonly string[] = [];
  for (let nowMs = 0, count = 0; state.phase !== "ended"; count++) {
    waits.push(Math.round(state.wakeAtMs - nowMs));
    nowMs = state.wakeAtMs;
    const step = onTime(state, terms, { nowMs, random: () => 0.5 + count / 1e6 });
    if (step.state.phase === "selecting") xids.add(step.state.exchange.xid);
    ({ state } = step);
    ended = told(step.effects);
  }
  assert.equal(waits.slice(0, 4).map((wait) => Math.round(wait / 1000)), [1, 2, 4, 3]);
  assert.ok(xids.size >= 3, `${xids.size} transactions`);
  assert.equal(ended, ["ended: no DHCP server answered within 30000 ms: no more tries"]);
});

acquiring("asks a little earlier or later as chance has it", () => {
  assert.is(start(terms, at(0, 0)).state.wakeAtMs, 900);
  assert.ok(Math.abs(start(terms, at(0, 0.999)).state.wakeAtMs - 1099.8) < 0.1);
});

acquiring("does nothing before its time", () => {
  const { state } = start(terms, at(0));
  assert.equal(onTime(state, terms, at(999)), { state, effects: [] });
});

for (const [what, change] of [
  ["of another transaction", { xid: 7 }], ["for another MAC", { mac: "02:00:5e:00:00:02" }],
    ["without a server", { from: undefined }],
] as const) {
  acquiring(`passes over an offer ${what}`, () => {
    const { state } = start(terms, at(0));
    assert.equal(onMessage(state, answer("offer", state, change), terms, at(1)), { state, effects: [] });
  });
}

for (const type of ["ack", "nak"] as const) {
  acquiring(`passes over the ${type} of a server it has not chosen`, () => {
    const first = start(terms, at(0)).state;
    const { state } = onMessage(first, answer("offer", first), terms, at(0));
    assert.equal(onMessage(state, answer(type, state, { from: other }), terms, at(1)), { state, effects: [] });
  });
}

acquiring("begins anew after a refusal, but not at once", () => {
  const first = start(terms, at(0)).state;
  const { state } = onMessage(first, answer("offer", first), terms, at(0));
  const refused = onMessage(state, answer("nak", state), terms, at(10));
  assert.is(refused.state.phase, "selecting");
  assert.equal(refused.effects, []);
  assert.is(refused.state.wakeAtMs, 1010);
  assert.equal(told(onTime(refused.state, terms, at(1010)).effects), ["discover - server - ciaddr 0.0.0.0"]);
});

acquiring("is over when a server refuses without end", () => {
  let { state } = start(terms, at(0)), effects: readonly Effect[] = [];
  for (let nowMs = 0; state.phase !== "ended"; nowMs += 1200) {
    ({ state, effects } = onTime(state, terms, at(nowMs)));
    if (state.phase === "selecting") ({ state } = onMessage(state, answer("offer", state), terms, at(nowMs)));
    if (state.phase !== "requesting") continue;
    const message = new TextEncoder().encode("address in use");
    ({ state, effects } = onMessage(state, answer("nak", state, { options: [[56, message]] }), terms, at(nowMs)));
  }
  assert.equal(told(effects), ['ended: DHCP server 10.0.0.2 refused 10.0.0.5: "address in use": no more tries']);
});

acquiring("gives back a lease without a subnet mask, and ends", () => {
  const first = start(terms, at(0)).state;
  const { state } = onMessage(first, answer("offer", first), terms, at(0));
  const { options, ...rest } = answer("ack", state);
  const step = onMessage(state, { ...rest, options: new Map([...options].filter(([code]) => code !== 1)) }, terms,
    at(0));
  assert.is(step.state.phase, "ended");
  assert.is(told(step.effects)[0], "release - server 10.0.0.2 ciaddr 10.0.0.5 to 10.0.0.2");
  assert.match(told(step.effects)[1] ?? "", /no subnet mask/);
});

acquiring.run();

const keeping = suite("keeping a lease");

keeping("asks its server at half time, the same one again, then any, and ends with it", () => {
  let { state } = bound();
  const log: string[] = [];
  while (state.phase !== "ended") {
    const nowMs = state.wakeAtMs, step = onTime(state, terms, at(nowMs));
    log.push(...told(step.effects).map((line) => `${nowMs / 1000} ${line}`));
    ({ state } = step);
  }
  assert.equal(log, [
    "300 request - server - ciaddr 10.0.0.5 to 10.0.0.2",
    "405 request - server - ciaddr 10.0.0.5 to 10.0.0.2",
    "465 request - server - ciaddr 10.0.0.5 to 10.0.0.2",
    "510 request - server - ciaddr 10.0.0.5",
    "570 request - server - ciaddr 10.0.0.5",
    "600 ended: the lease of 10.0.0.5 ran out: DHCP server 10.0.0.2 has not renewed it",
  ]);
});

keeping("of two minutes is asked for more than once before its server is given up", () => {
  const first = start(terms, at(0)).state;
  const { state } = onMessage(first, answer("offer", first), terms, at(0));
  let lease = onMessage(state, answer("ack", state, { options: [[51, number(120)]] }), terms, at(0)).state;
  const asked: number[] = [];
  while (lease.phase !== "ended") {
    const nowMs = lease.wakeAtMs, step = onTime(lease, terms, at(nowMs));
    if (step.state.phase !== "ended") asked.push(nowMs / 1000);
    lease = step.state;
  }
  assert.equal(asked, [60, 81, 93, 102, 114]);
});

acquiring("asks for the address it had before, where it had one", () => {
  const step = start({ ...terms, wanted: address }, at(0));
  assert.equal(told(step.effects).map((line) => line.replace("10.0.0.5", "ADDRESS")),
    ["discover 10.0.0.5 server - ciaddr 0.0.0.0".replace("10.0.0.5", "ADDRESS")]);
});

keeping("goes on for as long again once it is renewed", () => {
  const { state } = onTime(bound().state, terms, at(300_000));
  const renewed = onMessage(state, answer("ack", state), terms, at(300_050));
  assert.equal(told(renewed.effects), ["bound 10.0.0.5"]);
  assert.is(renewed.state.wakeAtMs, 600_050);
});

keeping("renews with an answer that names no server, and not with one of another server", () => {
  const { state } = onTime(bound().state, terms, at(300_000));
  assert.is(onMessage(state, answer("ack", state, { from: undefined }), terms, at(300_001)).state.phase, "bound");
  assert.is(onMessage(state, answer("ack", state, { from: other }), terms, at(300_001)).state, state);
});

keeping("takes another server's answer while rebinding, and asks that one from then on", () => {
  const { state } = onTime(bound().state, terms, at(510_000));
  assert.is(state.phase, "rebinding");
  const rebound = onMessage(state, answer("ack", state, { from: other }), terms, at(510_001)).state;
  assert.equal(told(onTime(rebound, terms, at(rebound.wakeAtMs)).effects),
    ["request - server - ciaddr 10.0.0.5 to 10.0.0.3"]);
});

for (const [phase, nowMs] of [["renewing", 300_000], ["rebinding", 510_000]] as const) {
  keeping(`ends at a refusal while ${phase}`, () => {
    const { state } = onTime(bound().state, terms, at(nowMs));
    assert.is(state.phase, phase);
    const step = onMessage(state, answer("nak", state), terms, at(nowMs));
    assert.equal(told(step.effects), ["ended: DHCP server 10.0.0.2 refused 10.0.0.5"]);
    assert.is(step.state.phase, "ended");
  });
}

keeping("ends when it is renewed with another address: the container has the first one", () => {
  const { state } = onTime(bound().state, terms, at(300_000));
  const step = onMessage(state, answer("ack", state, { yiaddr: parseAddress("10.0.0.6") }), terms, at(300_000));
  assert.equal(told(step.effects), ["ended: DHCP server 10.0.0.2 gave 10.0.0.6 in place of 10.0.0.5"]);
});

keeping("hears nothing before it has asked", () => {
  const { state } = bound();
  assert.is(onMessage(state, answer("nak", state), terms, at(1)).state, state);
});

keeping("goes on after a restart: quiet before half time, asking after it, ended after its end", () => {
  const { state } = bound();
  const lease = state.phase === "bound" ? state.lease : undefined;
  assert.ok(lease);
  assert.equal(resume(lease, terms, at(1000)), { state, effects: [] });
  assert.equal(told(resume(lease, terms, at(400_000)).effects), ["request - server - ciaddr 10.0.0.5 to 10.0.0.2"]);
  assert.equal(told(resume(lease, terms, at(550_000)).effects), ["request - server - ciaddr 10.0.0.5"]);
  assert.match(told(resume(lease, terms, at(600_000)).effects)[0] ?? "", /^ended: the lease of 10\.0\.0\.5 ran out/);
});

keeping("that has no end asks nothing, ever", () => {
  const first = start(terms, at(0)).state;
  const { state } = onMessage(first, answer("offer", first), terms, at(0));
  const infinite = onMessage(state, answer("ack", state, { options: [[51, number(0xffffffff)]] }), terms, at(0)).state;
  assert.is(infinite.wakeAtMs, Infinity);
  assert.equal(onTime(infinite, terms, at(1e15)).effects, []);
});

keeping.run();

const releasing = suite("releasing a lease");

releasing("tells its server, from the address that goes", () => {
  const step = release(bound().state, terms, at(1000));
  assert.equal(told(step.effects), ["release - server 10.0.0.2 ciaddr 10.0.0.5 to 10.0.0.2"]);
  assert.is(step.state.phase, "ended");
});

releasing("gives back what was asked for while nobody has heard whether it is ours", () => {
  const { state } = onMessage(start(terms, at(0)).state, answer("offer", start(terms, at(0)).state), terms, at(0));
  assert.equal(told(release(state, terms, at(0)).effects), ["release - server 10.0.0.2 ciaddr 10.0.0.5 to 10.0.0.2"]);
});

releasing("says nothing where there is none, or a second time", () => {
  assert.equal(release(start(terms, at(0)).state, terms, at(0)).effects, []);
  assert.equal(release(release(bound().state, terms, at(0)).state, terms, at(0)).effects, []);
});

releasing.run();
