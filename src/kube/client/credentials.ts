import { messageOf } from "../../cni/index.ts";
import type { ClientCertificate } from "../../http/index.ts";
import type { Access, Credentials } from "./access.ts";
import type { UserContext } from "./exec-credentials.ts";
import { execCredentials } from "./exec-credentials.ts";
import type { Settings } from "./settings.ts";
import { tokenIn, tokenOf } from "./token.ts";

/** What we neither do nor may leave out: whoever wrote it means to be somebody else than without it. */
const unsupported = ["auth-provider", "as", "as-uid", "as-groups", "as-user-extra"];

/**
 * The credentials of a kubeconfig's user. Nothing is read but what keys are there: files change while we live.
 *
 * @throws CniError 7 naming the key
 */
export function credentialsOf(
  user: Settings,
  context: UserContext,
): Pick<Access, "ownCredentials" | "credentials"> {
  for (const key of unsupported) {
    if (user.has(key))
      throw user.refusal(
        `${user.pathTo(key)} is not supported`,
        "a token, tokenFile, client certificate, username and password, or exec",
      );
  }
  const exec = user.object("exec");
  if (context.server.startsWith("http:") && user.keys().length > 0) {
    throw context.cluster.refusal(
      `${context.cluster.pathTo("server")} is ${JSON.stringify(context.server)}, which would show our credentials to ` +
        "others",
      "an address that starts with https://",
    );
  }
  const fromPlugin = exec === undefined ? undefined : execCredentials(exec, context);
  const ownCredentials = (): Credentials => {
    const certificate = certificateOf(user);
    const authorization = authorizationOf(user);
    return {
      ...(authorization === undefined ? {} : { authorization }),
      ...(certificate === undefined ? {} : { certificate }),
    };
  };
  return {
    ownCredentials,
    async credentials(need) {
      const own = ownCredentials();
      return fromPlugin === undefined ? own : { ...(await fromPlugin(need)), ...own };
    },
  };
}

/** A file's token wins over one in the kubeconfig, which is what it was when the kubeconfig was written. */
function authorizationOf(user: Settings): string | undefined {
  const tokenFile = user.filePath("tokenFile");
  const token = user.text("token");
  if (tokenFile !== undefined) {
    try {
      return `Bearer ${tokenIn(tokenFile)}`;
    } catch (error) {
      if (token === undefined)
        throw user.refusal(
          `${user.pathTo("tokenFile")} names ${tokenFile}: ${messageOf(error)}`,
          "a file that holds a token",
          error,
        );
    }
  }
  if (token !== undefined) return `Bearer ${tokenOf(user, token)}`;
  const username = user.text("username");
  if (username === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${user.text("password") ?? ""}`).toString("base64")}`;
}

function certificateOf(user: Settings): ClientCertificate | undefined {
  const chain = user.pem("client-certificate"), key = user.pem("client-key");
  if (chain === undefined && key === undefined) return undefined;
  if (chain === undefined) return user.refuse("client-certificate", "the certificate of client-key");
  if (key === undefined) return user.refuse("client-key", "the key of client-certificate");
  return { chain, key };
}
