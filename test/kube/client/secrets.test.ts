// Nothing that a kubeconfig keeps to itself is in what its failures tell: runtimes put that into events that pods'
// owners read.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../../src/cni/index.ts";
import { openCluster } from "../../../src/kube/index.ts";

const folder = mkdtempSync(join(tmpdir(), "polynic-secrets-"));
const secret = "SECRET";
const secrets = suite("secrets of a kubeconfig");
secrets.after(() => rmSync(folder, { recursive: true }));

let files = 0;
function kubeconfig(parts: { readonly user?: unknown; readonly cluster?: object; readonly users?: unknown } | string): string {
  const file = join(folder, `config${++files}`);
  const whole = typeof parts === "string" ? parts : JSON.stringify({
    "current-context": "a", contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    clusters: [{ name: "a", cluster: { server: "https://127.0.0.1:1", ...parts.cluster } }],
    users: parts.users ?? [{ name: "a", user: parts.user ?? {} }],
  });
  writeFileSync(file, whole);
  return file;
}

/** Everything a failed question tells, causes left out: they stay in the process. */
async function toldBy(file: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const cluster = openCluster({ kubeconfig: file, env: { PATH: process.env["PATH"], ...env }, deadlineMs: 300 });
  try {
    await cluster?.getPod({ namespace: "a", name: "a" });
    return assert.unreachable("expected a failure") as never;
  } catch (error) {
    assert.instance(error, CniError, String(error));
    const { message, details = "" } = error as CniError;
    return `${message} ${details}`;
  } finally {
    cluster?.close();
  }
}

const exec = (more: object): object => ({ exec: { apiVersion: "client.authentication.k8s.io/v1", command: "sh",
  ...more } });
for (const [what, parts] of [
  ["arguments of a program that fails", { user: exec({ args: ["-c", `exit 3 # ${secret}`] }) }],
  ["arguments of a program that is not there", { user: exec({ command: "no-such-program",
    args: [`--secret=${secret}`] }) }],
  ["arguments of a program that hangs", { user: exec({ args: ["-c", `sleep 5 # ${secret}`] }) }],
  ["an argument of the wrong type", { user: exec({ args: [{ secret }] }) }],
  ["a variable of the wrong type", { user: exec({ env: [{ name: "TOKEN", value: [secret] }] }) }],
  ["a program's answer without a token", { user: exec({ args: ["-c",
    `echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":"${secret}"}'`] }) }],
  ["a program's answer of another kind", { user: exec({ args: ["-c", `echo '{"kind":["${secret}"]}'`] }) }],
  ["a user that is a text", { user: secret }],
  ["users that are a text", { users: secret }],
  ["a user in a list of texts", { users: [secret] }],
  ["a token with a space", { user: { token: `${secret} ${secret}` } }],
  ["a token of the wrong type", { user: { token: [secret] } }],
  ["a key that is none", { user: { "client-certificate-data": Buffer.from(secret).toString("base64"),
    "client-key-data": secret } }],
  ["a server's address with a password", { cluster: { server: `ftp://user:${secret}@host` } }],
  ["a server's address that is none", { cluster: { server: `https://user:${secret}@` } }],
  ["a proxy's address with a password", { cluster: { "proxy-url": `socks5://user:${secret}@host` } }],
  ["text that is no YAML", `users:\n- name: a\n  user:\n    token: "${secret}\n`],
  ["YAML whose token is an alias", `users:\n- name: a\n  user:\n    token: *${secret}\n`],
  ["YAML whose token is a tag", `users:\n- name: a\n  user:\n    token: !${secret} x\n  user: {}\n`],
] as const) {
  secrets(`are not told with ${what}`, async () => {
    const told = await toldBy(kubeconfig(parts));
    assert.not.match(told, new RegExp(secret));
    assert.not.match(told, new RegExp(Buffer.from(secret).toString("base64")));
  });
}

secrets("are not told by a proxy that refuses", async () => {
  const proxy = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const told = await toldBy(kubeconfig({ cluster: { "proxy-url": `http://user:${secret}@127.0.0.1:${port}` } }));
  proxy.close();
  assert.match(told, /proxy|tunnel|407/i);
  assert.not.match(told, new RegExp(secret));
});

secrets.run();
