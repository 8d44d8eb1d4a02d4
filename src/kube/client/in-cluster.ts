import { join } from "node:path";
import { CniError, code, messageOf } from "../../cni/index.ts";
import { readBoundedText } from "../../os/index.ts";
import type { Access } from "./access.ts";
import type { Environment } from "./environment.ts";
import { credentialBytesMax } from "./settings.ts";
import { tokenIn } from "./token.ts";

/** Where the kubelet puts a pod's service account. */
export const serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Whether the variables of a pod are there; the API's own clients want both too. */
export function isInCluster(env: Environment): boolean {
  return Boolean(env["KUBERNETES_SERVICE_HOST"]) && Boolean(env["KUBERNETES_SERVICE_PORT"]);
}

/**
 * What a pod knows of its cluster's API.
 *
 * @throws CniError 7 naming the file that is missing, at once for the authority and at use for the token
 */
export function inClusterAccess(env: Environment, directory: string): Access {
  const host = env["KUBERNETES_SERVICE_HOST"] ?? "", port = env["KUBERNETES_SERVICE_PORT"] ?? "";
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (URL.parse(server) === null) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use the service account: KUBERNETES_SERVICE_HOST is ${JSON.stringify(host)} and ` +
        `KUBERNETES_SERVICE_PORT ${JSON.stringify(port)}, expected an address and a port`,
    );
  }
  const authority = readFrom(join(directory, "ca.crt"), (path) => readBoundedText(path, credentialBytesMax));
  const ownCredentials = () => ({ authorization: `Bearer ${readFrom(join(directory, "token"), tokenIn)}` });
  return {
    source: `service account ${JSON.stringify(directory)}`,
    server,
    trust: { authority, skipVerify: false, serverName: undefined },
    proxy: undefined,
    ownCredentials,
    credentials: async () => ownCredentials(),
  };
}

function readFrom(path: string, read: (path: string) => string): string {
  try {
    return read(path);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new CniError(
      code.invalidConfig,
      `Cannot use the service account: file ${path} is of no use: ${reason}, expected the kubelet to have put it there`,
      { cause },
    );
  }
}
