import { dirname } from "node:path";
import { CniError, code, messageOf } from "../../cni/index.ts";
import type { Trust } from "../../http/index.ts";
import { isAbsent, readBoundedText } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Access } from "./access.ts";
import { credentialsOf } from "./credentials.ts";
import type { Environment } from "./environment.ts";
import { Settings } from "./settings.ts";

/**
 * What a kubeconfig's current context says.
 *
 * @throws CniError 7 naming the file and the key
 * @see k8s.io/client-go/tools/clientcmd/api/v1, Config
 */
export async function readKubeconfig(path: string, env: Environment): Promise<Access> {
  const source = `kubeconfig ${JSON.stringify(path)}`;
  const config = new Settings(await readObject(path, source), { subject: source, path: "", folder: dirname(path) });
  const contextName =
    config.text("current-context") ?? config.refuse("current-context", "the name of one of its contexts");
  const context = config.named("contexts", { name: contextName, kind: "context" });
  const clusterName = context.text("cluster") ?? context.refuse("cluster", "the name of one of its clusters");
  const cluster = config.named("clusters", { name: clusterName, kind: "cluster" });
  const userName = context.text("user");
  const user = userName === undefined ? undefined : config.named("users", { name: userName, kind: "user" });

  const server = readServer(cluster);
  const trust = readTrust(cluster);
  const anybody = { ownCredentials: () => ({}), credentials: async () => ({}) };
  const credentials = user === undefined ? anybody : credentialsOf(user, { cluster, env, server });
  return { source, server, trust, proxy: readProxy(cluster), ...credentials };
}

/** One holds a few KiB of keys and names for each cluster. */
const kubeconfigBytesMax = 4 * 1024 * 1024;

/** JSON is YAML too, but needs no package to be read. */
async function readObject(path: string, source: string): Promise<JsonObject> {
  let text: string;
  try {
    text = readBoundedText(path, kubeconfigBytesMax);
  } catch (cause) {
    const reason = isAbsent(cause) ? "it is not there" : `it cannot be read: ${messageOf(cause)}`;
    throw new CniError(code.invalidConfig, `Cannot use ${source}: ${reason}, expected a kubeconfig`, { cause });
  }
  const value = await parse(text, source);
  if (!isJsonObject(value))
    throw new CniError(
      code.invalidConfig,
      `Cannot use ${source}: it holds no object, expected a kubeconfig in YAML or JSON`,
    );
  return value;
}

/**
 * Of a parser's message what it found is cut, and all but its first line, and the whole of JSON.parse's: they may show
 * a token.
 */
async function parse(text: string, source: string): Promise<unknown> {
  if (text.trimStart().startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch {
      throw new CniError(
        code.invalidConfig,
        `Cannot use ${source}: it starts with { but is not JSON, expected a kubeconfig in YAML or JSON`,
      );
    }
  }
  const { parseYaml } = await import("./yaml.ts");
  try {
    return parseYaml(text);
  } catch (error) {
    const [reason = ""] = messageOf(error).split("\n");
    throw new CniError(
      code.invalidConfig,
      `Cannot use ${source}: ${reason.replace(/:$/, "").replace(/: .*?(?= at line \d+, column \d+$|$)/, "")}, ` +
        "expected a kubeconfig in YAML or JSON",
    );
  }
}

function readServer(cluster: Settings): string {
  const wanted = "an address like https://10.96.0.1:443";
  const server = cluster.text("server") ?? cluster.refuse("server", wanted);
  const url = URL.parse(server);
  if (url === null || !["https:", "http:"].includes(url.protocol) || url.host === "")
    return cluster.refuse("server", wanted);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function readTrust(cluster: Settings): Trust {
  const skipVerify = cluster.flag("insecure-skip-tls-verify");
  const authority = cluster.pem("certificate-authority");
  if (skipVerify && authority !== undefined) {
    throw cluster.refusal(`${cluster.path} has a certificate-authority and insecure-skip-tls-verify`, "one of the two");
  }
  return { authority, skipVerify, serverName: cluster.text("tls-server-name") };
}

function readProxy(cluster: Settings): string | undefined {
  const proxy = cluster.text("proxy-url");
  if (proxy === undefined) return undefined;
  const protocol = URL.parse(proxy)?.protocol;
  return protocol === "http:" || protocol === "https:"
    ? proxy
    : cluster.refuse("proxy-url", "an address that starts with http:// or https://");
}
