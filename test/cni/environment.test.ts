import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CniError, parseEnvironment, requireCommand, requireContainerId, requireInterfaceName, requireNetworkName,
} from "../../src/cni/index.ts";

const complete = {
  CNI_COMMAND: "ADD", CNI_CONTAINERID: "abc", CNI_NETNS: "/run/netns/abc", CNI_IFNAME: "eth0",
  CNI_ARGS: "A=B", CNI_PATH: "/opt/cni/bin:/usr/lib/cni",
};

const refusal = (code: number, message: string, details?: string) => (error: unknown): boolean =>
  error instanceof CniError && error.code === code && error.message.includes(message)
    && (details === undefined || error.details === details);

const environment = suite("parseEnvironment");

for (const command of ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]) {
  environment(`reads all variables of ${command}`, () => {
    assert.equal(parseEnvironment({ ...complete, CNI_COMMAND: command }), {
      command, containerId: "abc", netns: "/run/netns/abc", ifName: "eth0", args: "A=B",
        path: ["/opt/cni/bin", "/usr/lib/cni"], netnsOverride: false,
    });
  });
}

const required: Readonly<Record<string, readonly string[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"],
  GC: ["CNI_PATH"],
  STATUS: ["CNI_PATH"],
  VERSION: [],
};

for (const [command, names] of Object.entries(required)) {
  for (const name of Object.keys(complete).filter((key) => key !== "CNI_COMMAND")) {
    for (const absent of [undefined, ""]) {
      const isRequired = names.includes(name);
      environment(`${isRequired ? "refuses" : "takes"} ${command} with ${absent === "" ? "an empty" : "no"} ${name}`,
        () => {
        const variables = { ...complete, CNI_COMMAND: command, [name]: absent };
        if (isRequired) assert.throws(() => parseEnvironment(variables), refusal(4, `variables ${name} are missing`));
        else parseEnvironment(variables);
      });
    }
  }
  environment(`lists all that ${command} misses, in the table's order`, () => {
    if (names.length === 0) parseEnvironment({ CNI_COMMAND: command });
    else assert.throws(() => parseEnvironment({ CNI_COMMAND: command }),
      refusal(4, `variables ${names.join(",")} are missing`));
  });
}

environment("lists several missing ones", () => {
  assert.throws(() => parseEnvironment({ CNI_COMMAND: "ADD", CNI_CONTAINERID: "abc" }),
    refusal(4, "CNI_NETNS,CNI_IFNAME,CNI_PATH"));
});

environment("misses the command itself", () => {
  assert.throws(() => parseEnvironment({}), refusal(4, "CNI_COMMAND"));
  assert.throws(() => parseEnvironment({ ...complete, CNI_COMMAND: "" }),
    refusal(4, "variables CNI_COMMAND are missing"));
});

environment("tells a malformed variable before missing ones", () => {
  assert.throws(() => parseEnvironment({ CNI_COMMAND: "ADD", CNI_CONTAINERID: "a%b" }),
    refusal(4, "CNI_CONTAINERID", "a%b"));
  assert.throws(() => parseEnvironment({ CNI_COMMAND: "ADD", CNI_CONTAINERID: "abc", CNI_IFNAME: "a/b" }),
    refusal(4, "CNI_IFNAME", "a/b"));
});

for (const id of ["%", "a%b", "../etc", "-a", ".a", "a b", "a/b", "ä"]) {
  environment(`refuses the container id ${id}`, () => {
    assert.throws(() => parseEnvironment({ ...complete, CNI_CONTAINERID: id }), refusal(4, "CNI_CONTAINERID", id));
  });
}

for (const name of ["sixteen-bytes-xx", ".", "..", "a/b", "a:b", "a b", "a\tb"]) {
  environment(`refuses the interface name ${JSON.stringify(name)}`, () => {
    assert.throws(() => parseEnvironment({ ...complete, CNI_IFNAME: name }), refusal(4, "CNI_IFNAME", name));
  });
}

environment("does not judge what a verb does not need", () => {
  const odd = { ...complete, CNI_CONTAINERID: "%", CNI_IFNAME: "..", CNI_NETNS: "nonsense" };
  for (const command of ["GC", "STATUS", "VERSION"]) assert.is(parseEnvironment({ ...odd,
    CNI_COMMAND: command }).containerId, "%");
});

environment("leaves an unknown command to requireCommand", () => {
  assert.is(parseEnvironment({ CNI_COMMAND: "FROB" }).command, "FROB");
  assert.throws(() => requireCommand("FROB"), (error: unknown) => error instanceof CniError && error.code === 4
    && error.message === "unknown CNI_COMMAND: FROB");
  assert.throws(() => requireCommand("add"), refusal(4, "unknown CNI_COMMAND: add"));
  assert.is(requireCommand("GC"), "GC");
});

for (const [text, override] of [["1", true], ["true", true], ["TRUE", true], ["True", true], ["0", false],
  ["yes", false], ["", false], [undefined, false]] as const) {
  environment(`takes CNI_NETNS_OVERRIDE ${text ?? "absent"} for ${override}`, () => {
    assert.is(parseEnvironment({ ...complete, CNI_NETNS_OVERRIDE: text }).netnsOverride, override);
  });
}

environment("leaves empty entries out of CNI_PATH", () => {
  assert.equal(parseEnvironment({ ...complete, CNI_PATH: ":/a::/b:" }).path, ["/a", "/b"]);
});

environment("finds nothing special in inherited keys", () => {
  assert.throws(() => requireCommand("constructor"), refusal(4, "unknown CNI_COMMAND"));
  assert.throws(() => requireCommand("__proto__"), refusal(4, "unknown CNI_COMMAND"));
});

environment.run();

const names = suite("requireNetworkName");

names("accepts what the other two accept", () => {
  requireNetworkName("net_1.a-b");
  requireContainerId("net_1.a-b");
  requireInterfaceName("eth0");
});

names("refuses with the name in the details", () => {
  assert.throws(() => requireNetworkName("../x"), refusal(7, "name", "../x"));
  assert.throws(() => requireNetworkName(""), refusal(7, "name", ""));
  assert.throws(() => requireNetworkName("a b", "/etc/cni/net.d/1.conf"), refusal(7, "name in /etc/cni/net.d/1.conf:",
    "a b"));
});

names.run();
