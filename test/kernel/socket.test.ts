import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NetlinkError } from "../../src/kernel/index.ts";
import { NetlinkSocket } from "../../src/kernel/socket.ts";
import type { Request } from "../../src/kernel/socket.ts";
import {
  attrs, body, ifinfomsg, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, u32,
} from "../../src/netlink/index.ts";
import { SystemCallError } from "../../src/os/index.ts";
import { rejects, throws } from "../helpers/errors.ts";
import { bytesOfPayload, scriptedKernel } from "../helpers/scripted-kernel.ts";
import type { Answer, SeenRequest } from "../helpers/scripted-kernel.ts";

const number = attrs({ value: [1, u32] });
const request = body(ifinfomsg, number);
const ask = { operation: "count the sheep", type: 0x99, body: request, header: {},
  attributes: {} } satisfies Request<object, object>;
const sheep = (value: number): Uint8Array => bytesOfPayload(number, { value });

/** The same answer to whatever is asked. */
const always = (...datagrams: (readonly Answer[])[]) => () => datagrams;

const execute = suite("NetlinkSocket.execute");

execute("asks for an ack and returns with it", () => {
  const kernel = scriptedKernel([always([{ ack: 0 }])]);
  new NetlinkSocket(kernel).execute({ ...ask, flags: NLM_F_CREATE });
  assert.equal(kernel.requests.map(({ type, flags }) => [type, flags]),
    [[0x99, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE]]);
});

execute("throws the kernel's errno and sentence", () => {
  const error = throws(() => new NetlinkSocket(scriptedKernel([always([{ ack: 22,
    text: "too few sheep" }])])).execute(ask), "EINVAL");
  assert.is(error.message, "Cannot count the sheep: kernel said EINVAL (too few sheep)");
  assert.ok(error instanceof NetlinkError && error.kernelText === "too few sheep" && error.errno === 22);
});

execute("names what was asked where the socket itself is refused", async () => {
  const fail = (call: string) => (): never => { throw new SystemCallError(call, 105); };
  const kernel = scriptedKernel([always([{ ack: 0 }])]);
  for (const broken of [{ ...kernel, send: fail("send"), sendAside: async () => fail("send")() },
    { ...kernel, send: () => {}, receive: fail("recv") }]) {
    const message = "Cannot count the sheep: kernel said ENOBUFS (No buffer space available)";
    assert.is(throws(() => new NetlinkSocket(broken).execute(ask), "ENOBUFS").message, message);
    assert.is(throws(() => new NetlinkSocket(broken).executeAll([ask]), "ENOBUFS").message, message);
    if ("sendAside" in broken)
      assert.is((await rejects(new NetlinkSocket(broken).executeAside(ask), "ENOBUFS")).message, message);
  }
});

execute("takes the system's words when the kernel has none", () => {
  const error = throws(() => new NetlinkSocket(scriptedKernel([always([{ ack: 1 }])])).execute(ask), "EPERM");
  assert.is(error.message, "Cannot count the sheep: kernel said EPERM (Operation not permitted)");
});

execute("passes over answers to other requests", () => {
  const kernel = scriptedKernel([(seen) => [[{ ack: 22, sequence: (seen[0]?.sequence ?? 0) - 1 }], [{ ack: 0 }]]]);
  new NetlinkSocket(kernel).execute(ask);
});

execute("does not wait for an answer that is not there", () => {
  throws(() => new NetlinkSocket(scriptedKernel([always()])).execute(ask), "EAGAIN");
});

execute("refuses broken messages", () => {
  for (const broken of [Uint8Array.of(1, 2, 3), new Uint8Array(16),
    Uint8Array.of(0xff, 0, 0, 0, ...new Uint8Array(20))]) {
    assert.throws(() => new NetlinkSocket(scriptedKernel([always([{ broken }])])).execute(ask),
      /Cannot decode nlmsghdr: expected \d+ bytes, found \d+/);
  }
});

execute("refuses an answer that was cut", () => {
  const long = scriptedKernel([always([{ bytes: new Uint8Array(200_000) }])]);
  throws(() => new NetlinkSocket(long).execute(ask), "EMSGSIZE");
});

execute("numbers its requests one after the other", () => {
  const kernel = scriptedKernel([always([{ ack: 0 }]), always([{ ack: 0 }])]);
  const socket = new NetlinkSocket(kernel);
  socket.execute(ask);
  socket.execute(ask);
  const [first, second] = kernel.requests;
  assert.is((second?.sequence ?? 0) - (first?.sequence ?? 0), 1);
  socket.close();
  assert.is(kernel.closed, true);
});
execute.run();

const get = suite("NetlinkSocket.get");

get("returns the one message, without asking for an ack", () => {
  const kernel = scriptedKernel([always([{ bytes: sheep(7) }])]);
  assert.equal(new NetlinkSocket(kernel).get(ask, number), { value: 7 });
  assert.is(kernel.requests[0]?.flags, NLM_F_REQUEST);
});

get("throws the kernel's error, and refuses an ack without a message", () => {
  throws(() => new NetlinkSocket(scriptedKernel([always([{ ack: 19 }])])).get(ask, number), "ENODEV");
  throws(() => new NetlinkSocket(scriptedKernel([always([{ ack: 0 }])])).get(ask, number), "EBADMSG");
});
get.run();

const dump = suite("NetlinkSocket.dump");
const herd = (flags = 0) => always([{ bytes: sheep(1), flags }, { bytes: sheep(2) }], [{ bytes: sheep(3) }],
  [{ done: true }]);
const value = ({ value: count }: { readonly value?: number | undefined }): number | undefined => count;

dump("gathers all messages up to DONE, less those dropped", () => {
  const kernel = scriptedKernel([herd()]);
  assert.equal(new NetlinkSocket(kernel).dump(ask, number, (one) => (one.value === 2 ? undefined : one.value)), [1, 3]);
  assert.is(kernel.requests[0]?.flags, NLM_F_REQUEST | NLM_F_DUMP);
});

dump("starts over when the list changed meanwhile", () => {
  const kernel = scriptedKernel([herd(NLM_F_DUMP_INTR), always([{ bytes: sheep(9) }],
    [{ done: true, flags: NLM_F_DUMP_INTR }]), herd()]);
  assert.equal(new NetlinkSocket(kernel).dump(ask, number, value), [1, 2, 3]);
  assert.is(kernel.requests.length, 3);
});

dump("starts over as long as it takes, with pauses, but not beyond ten seconds", () => {
  const many = Array.from({ length: 200 }, () => herd(NLM_F_DUMP_INTR));
  let nowMs = 1000;
  const pauses: number[] = [];
  // Each dump takes 60 ms here, and a pause nothing.
  const time = { now: () => (nowMs += 30), pause: (ms: number) => void pauses.push(ms) };
  const lucky = scriptedKernel([...many.slice(0, 150), herd()]);
  assert.equal(new NetlinkSocket(lucky, time).dump(ask, number, value), [1, 2, 3]);
  assert.is(pauses.length, 150);
  assert.ok(pauses.every((ms) => ms >= 0 && ms <= 5) && new Set(pauses).size > 100);

  const unlucky = scriptedKernel([...many, ...many]);
  assert.match(throws(() => new NetlinkSocket(unlucky, time).dump(ask, number, value), "EINTR").message,
    /the list changed while it was read, 334 times within 10020 ms/);
  assert.is(unlucky.requests.length, 334);
});

dump("throws an error in its middle and leaves nothing behind", () => {
  const kernel = scriptedKernel([always([{ bytes: Uint8Array.of(9, 9) },
    { bytes: Uint8Array.of(6, 0, 1, 0, 1, 1, 0, 0) }], [{ bytes: sheep(1) }], [{ done: true }]), herd()]);
  const socket = new NetlinkSocket(kernel);
  assert.throws(() => socket.dump(ask, number, value), "Cannot decode value.u32: expected 4 bytes, found 2");
  assert.is(kernel.receive(new Uint8Array(100)), undefined);
  assert.equal(socket.dump(ask, number, value), [1, 2, 3]);
  throws(() => new NetlinkSocket(scriptedKernel([always([{ ack: 95 }])])).dump(ask, number, value), "EOPNOTSUPP");
});
dump.run();

const batch = suite("NetlinkSocket.executeAll");
const acked = { ...ask, flags: NLM_F_ACK };
const answerEach = (codes: readonly (number | undefined)[]) => (seen: readonly SeenRequest[]) =>
  seen.flatMap(({ sequence }, index) => (codes[index] === undefined ? [] : [[{ ack: codes[index], sequence }]]));

batch("returns an error per request", () => {
  const errors = new NetlinkSocket(scriptedKernel([answerEach([0, 17, 0])])).executeAll([acked,
    { ...acked, operation: "add the dog" }, acked]);
  assert.equal(errors.map((error) => error?.message), [undefined,
    "Cannot add the dog: kernel said EEXIST (File exists)", undefined]);
});

batch("notices errors of requests that asked for no ack", () => {
  const errors = new NetlinkSocket(scriptedKernel([answerEach([undefined, 1, undefined])])).executeAll([ask, ask,
    acked]);
  assert.equal(errors.map((error) => error?.errnoName), [undefined, "EPERM", undefined]);
});

batch("says so when an ack is missing without an error", () => {
  throws(() => new NetlinkSocket(scriptedKernel([answerEach([0, undefined])])).executeAll([acked, acked]), "EAGAIN");
});
batch.run();
