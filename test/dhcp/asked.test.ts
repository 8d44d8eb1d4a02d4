// src/dhcp/asked.ts: what a configuration makes the client send and ask for.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, code } from "../../src/cni/index.ts";
import { askedOf, clientIdentifier, leaseName } from "../../src/dhcp/index.ts";

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const defaults = [121, 3, 1, 33, 6, 15, 119, 26, 51, 58, 59];

const asked = suite("askedOf");

for (const [what, ipam, args, provided, requested] of [
  ["nothing", {}, "", [], defaults],
  ["an option by its number", { provide: [{ option: "12", value: "web" }] }, "", [[12, "web"]], defaults],
  ["an option by its name", { provide: [{ option: "host-name", value: "web" }] }, "", [[12, "web"]], defaults],
  ["one of CNI_ARGS", { provide: [{ option: "12", fromArg: "POD" }] }, "x;POD=a=b;Y=", [[12, "a=b"]], defaults],
  ["one of CNI_ARGS before its value", { provide: [{ option: "12", value: "v", fromArg: "POD" }] }, "POD=web",
    [[12, "web"]], defaults],
  ["a value where CNI_ARGS has none", { provide: [{ option: "12", value: "v", fromArg: "POD" }] }, "A=b", [[12, "v"]],
    defaults],
  ["nothing to send", { provide: [{ option: "12", fromArg: "POD" }] }, "", [], defaults],
  ["more to be told, before the rest", { request: [{ option: "42" }, { option: "routers" }] }, "", [],
    [42, 3, ...defaults.filter((one) => one !== 3)]],
  ["that alone", { request: [{ option: "42" }, { skipDefault: true }] }, "", [], [42]],
  ["neither the rest nor anything else", { request: [{ skipDefault: true }] }, "", [], [1, 3, 15, 6]],
] as const) {
  asked(`reads a configuration with ${what}`, () => {
    const found = askedOf(ipam, args);
    assert.equal([...found.provided].map(([number, value]) => [number, text(value)]), provided);
    assert.equal(found.requested, requested);
  });
}

asked("has a metric unless it is 0", () => {
  assert.is(askedOf({ priority: 100 }, "").priority, 100);
  assert.not.ok("priority" in askedOf({ priority: 0 }, ""));
});

const long = "x".repeat(256);
for (const [what, ipam, args, number, message] of [
  ["an option that is none", { provide: [{ option: "hostname" }] }, "", code.invalidConfig,
    /ipam\.provide\[0\]\.option: "hostname"/],
  ["a request of none", { request: [{}, { option: "256" }] }, "", code.invalidConfig,
    /ipam\.request\[1\]\.option: "256"/],
  ["a long value", { provide: [{ option: "12", value: long }] }, "", code.invalidConfig, /value: it is 256 bytes/],
  ["a long one of CNI_ARGS", { provide: [{ option: "12", fromArg: "A" }] }, `A=${long}`, code.invalidEnvironment,
    /A of CNI_ARGS: it is 256 bytes/],
] as const) {
  asked(`refuses ${what}`, () => {
    assert.throws(() => askedOf(ipam, args), (error: unknown) => error instanceof CniError && error.code === number
      && message.test(error.message));
  });
}
asked.run();

const names = suite("leaseName");
names("is container, network and interface, and the client identifier with a zero before it", () => {
  const name = leaseName({ containerId: "c1", network: "blue", ifName: "eth0" });
  assert.is(name, "c1/blue/eth0");
  assert.equal(clientIdentifier(name), new Uint8Array([0, ...Buffer.from("c1/blue/eth0")]));
});
names("is 254 bytes long at most", () => {
  const name = leaseName({ containerId: "c".repeat(300), network: "blue", ifName: "eth0" });
  assert.is(name, "c".repeat(254));
  assert.is(clientIdentifier(name).length, 255);
});
names.run();
