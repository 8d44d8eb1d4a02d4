// Where the API is and who we are: kubeconfigs in both languages, service accounts, and everything wrong with them.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import type { ClusterOptions } from "../../../src/kube/index.ts";
import { openCluster } from "../../../src/kube/index.ts";
import type { ApiServer, KubeconfigRequest } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects } from "../../helpers/errors.ts";
import { testWorld } from "../../helpers/kube-world.ts";

const web = { namespace: "blue", name: "web" };

let api: ApiServer;
let folder: string;

/** The UID of the test's pod, asked for with these settings. */
async function uidWith(options: Partial<ClusterOptions>): Promise<string | undefined> {
  const cluster = openCluster({ kubeconfig: "", env: {}, deadlineMs: 5000, tryTimeoutMs: 2000, ...options },
    testWorld());
  try {
    return (await cluster?.getPod(web))?.uid;
  } finally {
    cluster?.close();
  }
}

function kubeconfigSuite(name: string): ReturnType<typeof suite> {
  const tests = suite(name);
  tests.before(async () => {
    folder = mkdtempSync(join(tmpdir(), "polynic-kubeconfig-"));
    api = await startApiServer({ basic: "admin:secret" });
    await api.putPod({ ...web, uid: "uid-1" });
  });
  tests.after(async () => {
    await api.stop();
    rmSync(folder, { recursive: true });
  });
  return tests;
}

const accepted = kubeconfigSuite("kubeconfig");

for (const format of ["json", "yaml"] as const) {
  for (const user of ["tokenFile", "token", "certificate", "certificate files"] as const) {
    accepted(`in ${format} with a ${user} reaches the API`, async () => {
      assert.is(await uidWith({ kubeconfig: api.writeKubeconfig({ format, user }) }), "uid-1");
    });
  }
}

accepted("with a username and a password reaches the API", async () => {
  assert.is(await uidWith({ kubeconfig: api.writeKubeconfig({ user: { username: "admin", password: "secret" } }) }),
    "uid-1");
});

accepted("names its authority by a file beside it", async () => {
  const cluster = { "certificate-authority-data": undefined, "certificate-authority": "serviceaccount/ca.crt" };
  assert.is(await uidWith({ kubeconfig: api.writeKubeconfig({ cluster }) }), "uid-1");
});

accepted("data wins over a file", async () => {
  const kubeconfig = api.writeKubeconfig({ cluster: { "certificate-authority": "/nowhere/ca.crt" } });
  assert.is(await uidWith({ kubeconfig }), "uid-1");
});

accepted("a tokenFile wins over a token", async () => {
  assert.is(await uidWith({ kubeconfig: api.writeKubeconfig({ user: { tokenFile: api.tokenFile, token: "old" } }) }),
    "uid-1");
});

accepted("a token serves when its tokenFile cannot be read", async () => {
  const token = readFileSync(api.tokenFile, "utf8");
  assert.is(await uidWith({ kubeconfig: api.writeKubeconfig({ user: { tokenFile: "/nowhere/token", token } }) }),
    "uid-1");
});

accepted("a token with an end of line is sent without it", async () => {
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, `${readFileSync(api.tokenFile, "utf8")}\n`);
  assert.is(await uidWith({ kubeconfig: api.writeKubeconfig({ user: { tokenFile } }) }), "uid-1");
});

accepted("its current context is the one used, among others", async () => {
  const config = JSON.parse(readFileSync(api.kubeconfig, "utf8"));
  config.contexts.unshift({ name: "other", context: { cluster: "none", user: "none" } });
  config.users[0].user.tokenFile = api.tokenFile;
  const kubeconfig = join(folder, "several.json");
  writeFileSync(kubeconfig, JSON.stringify(config));
  assert.is(await uidWith({ kubeconfig }), "uid-1");
});

accepted.run();

const refused = kubeconfigSuite("a kubeconfig of no use");

const parts: readonly [string, KubeconfigRequest, string][] = [
  ["without a server", { cluster: { server: undefined } },
    'clusters["local"].cluster.server is missing, expected an address like https://10.96.0.1:443'],
  ["with a key in another case", { cluster: { server: undefined, Server: "https://10.96.0.1" } },
    'clusters["local"].cluster.server is missing, expected an address like https://10.96.0.1:443'],
  ["with a server of no scheme", { cluster: { server: "10.96.0.1:443" } },
    'clusters["local"].cluster.server is "10.96.0.1:443", expected an address like https://10.96.0.1:443'],
  ["with a server that is no text", { cluster: { server: 443 } },
    'clusters["local"].cluster.server is 443, expected a text'],
  ["with credentials that would be shown to others", { user: { token: "t" }, cluster: { server: "http://10.96.0.1" } },
    'clusters["local"].cluster.server is "http://10.96.0.1", which would show our credentials to others, expected an ' +
      'address that starts with https://'],
  ["with an authority that is no PEM", { cluster: { "certificate-authority-data": "Z2FyYmFnZQ==" } },
    'clusters["local"].cluster.certificate-authority-data holds no PEM, expected one that starts with -----BEGIN'],
  ["with an authority whose file is missing", { cluster: { "certificate-authority-data": undefined,
    "certificate-authority": "/nowhere/ca.crt" } },
    'clusters["local"].cluster.certificate-authority names /nowhere/ca.crt, which cannot be read'],
  ["with an authority that does not end", { cluster: { "certificate-authority-data": undefined,
    "certificate-authority": "/dev/zero" } },
    'clusters["local"].cluster.certificate-authority names /dev/zero, which cannot be read: it is no regular file'],
  ["with an authority that is not to be used", { cluster: { "insecure-skip-tls-verify": true } },
    'clusters["local"].cluster has a certificate-authority and insecure-skip-tls-verify, expected one of the two'],
  ["with a flag that is a text", { cluster: { "insecure-skip-tls-verify": "yes" } },
    'clusters["local"].cluster.insecure-skip-tls-verify is "yes", expected true or false'],
  ["with a proxy of another kind", { cluster: { "proxy-url": "socks5://10.0.0.1:1080" } },
    'clusters["local"].cluster.proxy-url is "socks5://10.0.0.1:1080", expected an address that starts with http:// or ' +
      'https://'],
  ["with a tokenFile that is missing", { user: { tokenFile: "/nowhere/token" } },
    'users["multus"].user.tokenFile names /nowhere/token: ENOENT'],
  ["with a tokenFile that does not end", { user: { tokenFile: "/dev/zero" } },
    'users["multus"].user.tokenFile names /dev/zero: it is no regular file, expected a file that holds a token'],
  ["with half a client certificate",
    { user: { "client-key-data": Buffer.from("-----BEGIN EC PRIVATE KEY-----").toString("base64") } },
    'users["multus"].user.client-certificate is missing, expected the certificate of client-key'],
  ["with a removed way to log in", { user: { "auth-provider": { name: "gcp" } } },
    'users["multus"].user.auth-provider is not supported, expected a token'],
  ["with a token that is no text", { user: { token: 123456 } },
    'users["multus"].user.token is of type number, expected a text'],
  ["that acts as somebody else", { user: { token: "t", as: "admin" } },
    'users["multus"].user.as is not supported, expected a token'],
  ["with a plugin of no program", { user: { exec: { apiVersion: "client.authentication.k8s.io/v1" } } },
    'users["multus"].user.exec.command is missing, expected a program'],
  ["with a plugin of an old version", { user: { exec: { apiVersion: "client.authentication.k8s.io/v1alpha1",
    command: "x" } } },
    'users["multus"].user.exec.apiVersion is "client.authentication.k8s.io/v1alpha1", expected ' +
      'client.authentication.k8s.io/v1 or'],
  ["with a plugin that wants to ask somebody", { user: { exec: { apiVersion: "client.authentication.k8s.io/v1",
    command: "x", interactiveMode: "Always" } } },
    'users["multus"].user.exec.interactiveMode is "Always", expected Never or IfAvailable'],
];
for (const [title, request, fact] of parts) {
  refused(`${title} is refused by file and key`, async () => {
    const kubeconfig = api.writeKubeconfig(request);
    const { message } = await rejects(uidWith({ kubeconfig }), code.invalidConfig);
    assert.ok(message.startsWith(`Cannot use kubeconfig "${kubeconfig}": ${fact}`), message);
  });
}

refused("with a tokenFile that is empty, or a pipe that nobody writes, is refused by file and key", async () => {
  const empty = join(folder, "empty-token"), pipe = join(folder, "pipe");
  writeFileSync(empty, "");
  execFileSync("mkfifo", [pipe]);
  for (const [tokenFile, fact] of [[empty, "there is no token in it"], [pipe, "it is no regular file"]] as const) {
    const kubeconfig = api.writeKubeconfig({ user: { tokenFile } });
    const { message } = await rejects(uidWith({ kubeconfig }), code.invalidConfig);
    assert.is(message, `Cannot use kubeconfig "${kubeconfig}": users["multus"].user.tokenFile names ${tokenFile}: ` +
      `${fact}, expected a file that holds a token`);
  }
});

const texts: readonly [string, string, string][] = [
  ["that is empty", "", "it holds no object, expected a kubeconfig in YAML or JSON"],
  ["that is a list", "- a\n", "it holds no object, expected a kubeconfig in YAML or JSON"],
  ["of broken JSON", '{"token":"very-secret"',
    "it starts with { but is not JSON, expected a kubeconfig in YAML or JSON"],
  ["of broken YAML", "users:\n  - token: 'very-secret\n",
    "Missing closing 'quote at line 3, column 1, expected a kubeconfig in YAML or JSON"],
  ["without a current context", "kind: Config\n",
    "current-context is missing, expected the name of one of its contexts"],
  ["whose current context is not there", "current-context: a\ncontexts:\n- name: b\n",
    'contexts holds "b", expected an entry named "a"'],
  ["whose context has no cluster", "current-context: a\ncontexts:\n- name: a\n",
    'contexts["a"].context.cluster is missing, expected the name of one of its clusters'],
  ["whose cluster is not there", "current-context: a\ncontexts:\n- name: a\n  context: {cluster: c}\n",
    'clusters holds nothing, expected an entry named "c"'],
  ["whose user is not there",
    "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: " +
      "{server: 'https://h'}}]\n", 'users holds nothing, expected an entry named "u"'],
  ["whose clusters are no list",
    "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: {c: 1}\n",
    'clusters is an object, expected a list'],
];
for (const [title, text, fact] of texts) {
  refused(`${title} is refused`, async () => {
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, text);
    const error = await rejects(uidWith({ kubeconfig }), code.invalidConfig);
    assert.is(error.message, `Cannot use kubeconfig "${kubeconfig}": ${fact}`);
    assert.not.match(String(error.stack) + String(error.cause), /very-secret/);
  });
}

refused("that is not there is refused", async () => {
  assert.match((await rejects(uidWith({ kubeconfig: "/nowhere/kubeconfig" }), code.invalidConfig)).message,
    /^Cannot use kubeconfig "\/nowhere\/kubeconfig": it is not there, expected a kubeconfig$/);
});

refused.run();

const plugins = kubeconfigSuite("exec");

/** A kubeconfig whose credentials come from this shell script. */
function withProgram(script: string, exec: object = {}): string {
  writeFileSync(join(folder, "plugin"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "plugin"), 0o700);
  return api.writeKubeconfig({ user: { exec: { apiVersion: "client.authentication.k8s.io/v1",
    command: join(folder, "plugin"), ...exec } } });
}

const credential = (status: string): string =>
  `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":${status}}`;
const givesToken = (): string => `printf '%s' '${credential(`{"token":"'"$(cat ${api.tokenFile})"'"}`)}'`;

plugins("a program's token reaches the API", async () => {
  assert.is(await uidWith({ kubeconfig: withProgram(givesToken()) }), "uid-1");
});

plugins("a program's certificate reaches the API", async () => {
  const { chain, key } = api.certificates.client;
  writeFileSync(join(folder, "answer"), credential(JSON.stringify({ clientCertificateData: chain,
    clientKeyData: key })));
  assert.is(await uidWith({ kubeconfig: withProgram(`cat ${join(folder, "answer")}`) }), "uid-1");
});

plugins("a program gets arguments, variables and what it is for", async () => {
  const file = join(folder, "seen");
  const script = `echo "$1 $2 $OWN $PATH" > ${file}; echo "$KUBERNETES_EXEC_INFO" >> ${file}; ${givesToken()}`;
  const kubeconfig = withProgram(script, { args: ["a", "b c"], env: [{ name: "OWN", value: "mine" }],
    provideClusterInfo: true });
  assert.is(await uidWith({ kubeconfig, env: { PATH: "/usr/bin:/bin" } }), "uid-1");
  const [line, info = ""] = readFileSync(file, "utf8").split("\n");
  assert.is(line, "a b c mine /usr/bin:/bin");
  assert.equal(JSON.parse(info), {
    kind: "ExecCredential", apiVersion: "client.authentication.k8s.io/v1",
    spec: { interactive: false, cluster: { server: api.url,
      "certificate-authority-data": Buffer.from(api.certificates.authority).toString("base64"), config: null } },
  });
});

plugins("a program is found from the kubeconfig's folder, or on PATH", async () => {
  mkdirSync(join(folder, "bin"), { recursive: true });
  withProgram(givesToken());
  writeFileSync(join(folder, "bin", "getter"), readFileSync(join(folder, "plugin")), { mode: 0o700 });
  for (const [command, env] of [["./bin/getter", {}], ["getter",
    { PATH: `${join(folder, "bin")}:/usr/bin:/bin` }]] as const) {
    const config = JSON.parse(readFileSync(withProgram(givesToken(), { command }), "utf8"));
    writeFileSync(join(folder, "kubeconfig"), JSON.stringify(config));
    assert.is(await uidWith({ kubeconfig: join(folder, "kubeconfig"), env: { PATH: "/usr/bin:/bin", ...env } }),
      "uid-1", command);
  }
});

plugins("a program is run once, and again when the API refused its token", async () => {
  const count = join(folder, "count");
  writeFileSync(count, "");
  const cluster = openCluster({ kubeconfig: withProgram(`echo x >> ${count}; ${givesToken()}`),
    env: { PATH: process.env["PATH"] }, deadlineMs: 5000 }, testWorld());
  await cluster?.getPod(web);
  await cluster?.getPod(web);
  assert.is(readFileSync(count, "utf8"), "x\n");
  await api.renewToken();
  await api.fault({ kind: "401" });
  await api.fault({ kind: "503", times: 2 });
  assert.is((await cluster?.getPod(web))?.uid, "uid-1");
  assert.is(readFileSync(count, "utf8"), "x\nx\n");
  cluster?.close();
});

plugins("a program that has failed is run again at the next need", async () => {
  const ready = join(folder, "ready"), script = `[ -e ${ready} ] || { : > ${ready}; exit 3; }; ${givesToken()}`;
  const cluster = openCluster({ kubeconfig: withProgram(script), env: { PATH: process.env["PATH"] }, deadlineMs: 5000 },
    testWorld());
  try {
    await rejects(cluster?.getPod(web) ?? Promise.resolve(), code.invalidConfig);
    assert.is((await cluster?.getPod(web))?.uid, "uid-1");
  } finally {
    cluster?.close();
  }
});

const failures: readonly [string, string, RegExp][] = [
  ["fails", "echo 'log in first' >&2; exit 3",
    /failed: it ended with status 3 and said "log in first", expected an ExecCredential within \d+ ms$/],
  ["hangs", "exec sleep 20", /failed: it was still running after \d+ ms and was ended, expected/],
  ["answers no JSON", "echo hello", /plugin: kind is missing, expected ExecCredential$/],
  ["answers in another version", `echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"}'`,
    /plugin: apiVersion is "client\.authentication\.k8s\.io\/v1beta1", expected "client\.authentication\.k8s\.io\/v1"$/],
  ["answers without a status", `echo '${credential("null")}'`,
    /status is missing, expected an object with a token or a client certificate$/],
  ["answers nothing of use", `echo '${credential("{}")}'`,
    /status\.token is missing, expected a token or a client certificate$/],
  ["answers half a certificate", `echo '${credential('{"clientKeyData":"k"}')}'`,
    /has only one of clientCertificateData and clientKeyData, expected both or none$/],
];
for (const [title, script, message] of failures) {
  plugins(`a program that ${title} is told`, async () => {
    const kubeconfig = withProgram(script);
    const error = await rejects(uidWith({ kubeconfig, env: { PATH: "/usr/bin:/bin" }, tryTimeoutMs: 300 }),
      code.invalidConfig);
    assert.ok(error.message.startsWith(`Cannot use kubeconfig "${kubeconfig}": `), error.message);
    assert.ok(error.message.includes(`users["multus"].user.exec.command ${join(folder, "plugin")}`), error.message);
    assert.match(error.message, message);
  });
}

plugins.run();

const inCluster = kubeconfigSuite("a service account");

inCluster("reaches the API", async () => {
  assert.is(await uidWith({ env: api.env, serviceAccountDirectory: api.serviceAccountDirectory }), "uid-1");
});

inCluster("is not used where there is a kubeconfig", async () => {
  await rejects(uidWith({ kubeconfig: "/nowhere/kubeconfig", env: api.env,
    serviceAccountDirectory: api.serviceAccountDirectory }), code.invalidConfig);
});

inCluster("reaches an API with an IPv6 address", async () => {
  const six = await startApiServer({ host: "::1" });
  await six.putPod({ ...web, uid: "uid-6" });
  assert.is(await uidWith({ env: six.env, serviceAccountDirectory: six.serviceAccountDirectory }), "uid-6");
  assert.is(await uidWith({ kubeconfig: six.kubeconfig }), "uid-6");
  await six.stop();
});

for (const missing of ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"]) {
  inCluster(`without ${missing} there is no cluster`, () => {
    assert.is(openCluster({ kubeconfig: "", env: { ...api.env, [missing]: "" }, deadlineMs: 1 }), undefined);
  });
}

for (const file of ["token", "ca.crt"]) {
  inCluster(`without its ${file} is refused by that file`, async () => {
    const directory = mkdtempSync(join(folder, "account-"));
    for (const name of ["token", "ca.crt"]) if (name !== file) writeFileSync(join(directory, name),
      readFileSync(join(api.serviceAccountDirectory, name)));
    const { message } = await rejects(uidWith({ env: api.env, serviceAccountDirectory: directory }),
      code.invalidConfig);
    assert.ok(message.startsWith(`Cannot use the service account: file ${join(directory, file)} is of no use: ENOENT`),
      message);
  });
}

inCluster("with a port that is none is refused", async () => {
  const { message } = await rejects(uidWith({ env: { ...api.env, KUBERNETES_SERVICE_PORT: "https" },
    serviceAccountDirectory: api.serviceAccountDirectory }), code.invalidConfig);
  assert.is(message, 'Cannot use the service account: KUBERNETES_SERVICE_HOST is "127.0.0.1" and ' +
    'KUBERNETES_SERVICE_PORT "https", expected an address and a port');
});

inCluster.run();
