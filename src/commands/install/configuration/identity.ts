/**
 * Who polynic is towards the API: the service account of the pod that installs it. The kubeconfig on the node names a
 * token file beside it, which is kept fresh; it holds no token itself, because tokens end after an hour.
 */
import { join } from "node:path";
import { CommandError } from "../../errors.ts";
import type { NodeFiles } from "../node/files.ts";

export interface Identity {
  /** `https://10.96.0.1:443` */
  readonly server: string;
  readonly token: string;
  /** PEM; undefined with --skip-tls-verify. */
  readonly authority: string | undefined;
}

export interface IdentitySource {
  /** With `token` and `ca.crt`, as the kubelet mounts it. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly skipVerify: boolean;
}

/**
 * Undefined where there is no token: not in a cluster.
 *
 * @throws CommandError when there is a token, but something else is missing
 */
export function readIdentity({ directory, env, skipVerify }: IdentitySource, files: NodeFiles): Identity | undefined {
  const token = files.read(join(directory, "token"))?.trim() ?? "";
  if (token === "") return undefined;
  const authority = files.read(join(directory, "ca.crt"));
  if (authority === undefined && !skipVerify)
    throw new CommandError(
      `Cannot write a kubeconfig: ${join(directory, "ca.crt")} is missing, expected it beside the token`,
    );
  return { server: serverOf(env), token, authority: skipVerify ? undefined : authority };
}

function serverOf(env: IdentitySource["env"]): string {
  const {
    KUBERNETES_SERVICE_HOST: host = "",
    KUBERNETES_SERVICE_PORT: port = "",
    KUBERNETES_SERVICE_PROTOCOL: protocol = "https",
  } = env;
  if (host === "" || port === "")
    throw new CommandError(
      "Cannot write a kubeconfig: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set, expected both " +
        "beside the service account's token",
    );
  return `${protocol}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Relative names are looked up beside the kubeconfig (kubernetes/client-go, clientcmd), wherever it is mounted. */
export function kubeconfigText(
  { server, authority }: Identity,
  { tokenFile, authorityFile }: { readonly tokenFile: string; readonly authorityFile: string },
): string {
  const trust =
    authority === undefined
      ? "insecure-skip-tls-verify: true"
      : `certificate-authority: ${JSON.stringify(authorityFile)}`;
  return `# Written by polynic install. The files it names lie beside it and are kept fresh by polynic install --watch.
apiVersion: v1
kind: Config
current-context: polynic
contexts:
  - name: polynic
    context: { cluster: local, user: polynic }
clusters:
  - name: local
    cluster:
      server: ${JSON.stringify(server)}
      ${trust}
users:
  - name: polynic
    user:
      tokenFile: ${JSON.stringify(tokenFile)}
`;
}
