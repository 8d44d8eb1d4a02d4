// Small texts: addresses, match expressions of nft, rules of iptables, what other programs' files say.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import { code } from "../../src/cni/index.ts";
import { parseDuration } from "../../src/commands/dhcp-daemon/duration.ts";
import { UsageError } from "../../src/commands/errors.ts";
import { parseTomlTexts } from "../../src/commands/install/node/toml.ts";
import { readKubeconfig } from "../../src/kube/client/kubeconfig.ts";
import {
  AddressError, formatAddress, formatMac, formatPrefix, parseAddress, parseMac, parsePrefix,
} from "../../src/net/index.ts";
import { nft } from "../../src/netlink/index.ts";
import { parseSubnetEnv } from "../../src/plugins/flannel/subnet-env.ts";
import { parseResolvConf } from "../../src/plugins/host-local/resolv-conf.ts";
import { parseRule, ruleText } from "../../src/plugins/packet-rules/iptables-rule.ts";
import { fuzz, jsonInputs, textInputs, wrongRefusal } from "./frame.ts";

const refuseAddress = (error: unknown): string | undefined => (
  error instanceof AddressError && error.message.includes("Cannot read")
    ? undefined : `is refused with ${String(error)}`);

const addresses = suite("an address");
addresses("is what Node takes for one, or refused", () => fuzz({
  ...textInputs(["10.1.2.3", "0.0.0.0", "255.255.255.255", "fd00::1", "::", "2001:db8:1:2:3:4:5:6", "::ffff:10.1.2.3"]),
  title: "address", weight: 4,
  accept(text) {
    const written = formatAddress(parseAddress(text));
    if (isIP(text) === 0 || text.includes("%")) return "is none for Node";
    return formatAddress(parseAddress(written)) === written && isIP(written) > 0 ? undefined : `is written ${written}`;
  },
  refuse: (error, text) => refuseAddress(error)
    ?? (isIP(text) > 0 && !text.includes("%") ? "is one for Node" : undefined),
}));
addresses("with a length is a prefix, or refused", () => fuzz({
  ...textInputs(["10.1.2.3/24", "0.0.0.0/0", "fd00::1/64", "::/0", "::ffff:10.1.2.3/120", "10.0.0.1/032"]),
    title: "prefix",
  weight: 2,
  accept(text) {
    const prefix = parsePrefix(text), written = formatPrefix(prefix), bits = prefix.prefixBits;
    if (!(bits >= 0 && bits <= 8 * prefix.address.bytes.length)) return `has ${bits} bits`;
    return formatPrefix(parsePrefix(written)) === written ? undefined : `is written ${written}`;
  },
  refuse: refuseAddress,
}));
addresses("of hardware has 6, 8 or 20 bytes, or is refused", () => fuzz({
  ...textInputs(["02:00:5e:10:00:01", "02-00-5E-10-00-01", "0200.5e10.0001", "02:00:5e:10:00:01:02:03"]), title: "MAC",
  accept: (text) => [6, 8, 20].includes(parseMac(text).length) && formatMac(parseMac(text)).replaceAll(":", "")
    === text.replaceAll(/[:.-]/g, "").toLowerCase() ? undefined : `is read as ${formatMac(parseMac(text))}`,
  refuse: refuseAddress,
}));
addresses.run();

const rules = suite("a rule");
const conditions = ["ip saddr != 10.0.0.0/8 tcp dport {80,443}", "ip6 daddr fd00::/64 udp sport 53 counter",
  "iifname eth0 oifname { \"a*\", lo } meta mark and 0xff == 0x5", "ct state new,established ct status dnat",
  "fib daddr type local ether saddr 02:00:00:00:00:01", "ip protocol 6 meta l4proto { tcp, udp } th dport 1-9",
  "ip daddr 10.0.0.1-10.0.0.9 meta nfproto ipv4 ct mark 0x1"];
rules("of nft matches as it is written, or the word that is wrong is named", () => fuzz({
  ...textInputs(conditions.filter((text) => !text.includes("ip6"))), title: "nft conditions", weight: 2,
  accept(text) {
    const parts = nft.parseMatch(text.split(/\s+/).filter((word) => word !== ""), "ip");
    const words = text.match(/[^\s,{}]+/g) ?? [];
    return parts.length === 0 && words.length > 0 ? "matches everything" : undefined;
  },
  refuse: (error, text) => error instanceof nft.NftExpressionError && (text.includes(error.token) || error.token === "")
    ? undefined : `is refused with ${error instanceof Error ? error.stack : String(error)}`,
}));
rules("of iptables keeps its words", () => fuzz({
  ...textInputs(['-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"lan\\"" -j CNI-DN-1',
    "-A POSTROUTING -s 10.1.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE"]),
  title: "rule of iptables",
  accept(line) {
    const { chain, words } = parseRule(line);
    if (words.some((word) => /[\0\r\n]/.test(word))) throw new RangeError("several lines");
    const again = parseRule(`-A ${ruleText(chain === "" || /[\s"'\\]/.test(chain) ? "X" : chain, words)}`);
    return again.words.join("\0") === words.join("\0") ? undefined : `is written ${again.text}`;
  },
  refuse: (error) => error instanceof RangeError ? undefined : String(error),
}));
rules.run();

let directory = "";
const files = suite("a text of another program's");
files.before(() => { directory = mkdtempSync(join(tmpdir(), "polynic-fuzz-")); });
files.after(() => rmSync(directory, { recursive: true }));
files("is flannel's subnet.env, or refused", () => fuzz({
  ...textInputs(["FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
    "FLANNEL_IPV6_NETWORK=fd00::/48\nFLANNEL_IPV6_SUBNET=fd00:0:0:1::/64\nFLANNEL_MTU=1430\nFLANNEL_IPMASQ=false\n"]),
  title: "subnet.env",
  accept(text) {
    const { subnets, networks, mtu } = parseSubnetEnv(text, "subnet.env");
    if (subnets.length === 0 || networks.length === 0) return "has no subnet";
    return Number.isSafeInteger(mtu) ? undefined : `has the mtu ${mtu}`;
  },
  refuse: (error) => wrongRefusal(error, { codes: [code.decodingFailure], names: /subnet\.env: .*FLANNEL_/ }),
}));
files("is a resolv.conf of words", () => fuzz({
  ...textInputs(["nameserver 10.0.0.1\nsearch a.example b.example\ndomain c\noptions ndots:2\n# x\n"]),
    title: "resolv.conf",
  accept(text) {
    const { nameservers = [], search = [], options = [], domain = "x" } = parseResolvConf(text);
    if (nameservers.length === 0) throw new RangeError("none");
    const wrong = [...nameservers, ...search, ...options, domain].find((word) => word === "" || /\s/.test(word));
    return wrong === undefined ? undefined : `has the word ${JSON.stringify(wrong)}`;
  },
  refuse: (error) => error instanceof RangeError ? undefined : String(error),
}));
files("is a runtime's TOML, of which texts are read", () => fuzz({
  ...textInputs([
    '[plugins."io.containerd.grpc.v1.cri".cni]\n  bin_dir = "/opt/cni/bin" # x\n  conf_dir = \'/etc/cni\'\n',
    '[crio.network]\nplugin_dirs = [\n  "/a",\n  "/b",\n]\nversion = 2\n']),
  title: "TOML",
  accept(text) {
    const tables = parseTomlTexts(text), texts = [...tables.values()].flatMap((keys) => [...keys.values()].flat());
    if (texts.length === 0) throw new RangeError("none");
    return texts.every((one) => typeof one === "string") ? undefined : "has a text that is none";
  },
  refuse: (error) => error instanceof RangeError ? undefined : String(error),
}));
files("is a duration, or refused", () => fuzz({
  ...textInputs(["10s", "1m2.5s", "500ms", "1h"]), title: "duration",
  accept: (text) => parseDuration("timeout", text) >= 1 ? undefined : "is nothing",
  refuse: (error) => error instanceof UsageError && error.message.includes("--timeout") ? undefined : String(error),
}));
const kubeconfig = { apiVersion: "v1", kind: "Config", "current-context": "a", contexts: [{ name: "a",
  context: { cluster: "c", user: "u" } }], clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443",
  "insecure-skip-tls-verify": true } }], users: [{ name: "u", user: { token: "sesame" } }] };
files("is a kubeconfig, or refused without its secrets", () => fuzz({
  ...jsonInputs([kubeconfig, { ...kubeconfig, users: [{ name: "u", user: { username: "me", password: "sesame" } }] }]),
  title: "kubeconfig",
  async accept({ text }) {
    const path = join(directory, "kubeconfig");
    writeFileSync(path, text);
    const { server } = await readKubeconfig(path, {});
    return String(server) === "" ? "has no server" : undefined;
  },
  refuse(error, { text }) {
    const isSecret = !text.replaceAll(/"(token|password)":"sesame"/g, "").includes("sesame");
    return wrongRefusal(error, { codes: [code.invalidConfig], names: /kubeconfig/ })
      ?? (isSecret && String(error).includes("sesame") ? "is refused with a secret" : undefined);
  },
}));
files.run();
