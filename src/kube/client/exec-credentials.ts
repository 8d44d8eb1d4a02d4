import { isAbsolute, join } from "node:path";
import { messageOf } from "../../cni/index.ts";
import { ProgramError, SystemCallError, findProgram, runProgram } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Access, Credentials } from "./access.ts";
import type { Environment } from "./environment.ts";
import { jsonObjectIn } from "./json-object.ts";
import { Settings } from "./settings.ts";
import { tokenOf } from "./token.ts";

const apiVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
const outputBytesMax = 1024 * 1024;

/** What a user of a kubeconfig is told of the rest of it. */
export interface UserContext {
  readonly cluster: Settings;
  readonly env: Environment;
  readonly server: string;
}

/**
 * Credentials from a program, which is run at the first need and again when the API refused what it gave.
 *
 * @throws CniError 7 naming the key that is wrong, at use also for a program that fails
 * @see k8s.io/client-go/pkg/apis/clientauthentication/v1, ExecCredential
 */
export function execCredentials(exec: Settings, context: UserContext): Access["credentials"] {
  const apiVersion = exec.text("apiVersion");
  if (apiVersion === undefined || !apiVersions.includes(apiVersion))
    return exec.refuse("apiVersion", apiVersions.join(" or "));
  if (exec.text("interactiveMode") === "Always")
    return exec.refuse("interactiveMode", "Never or IfAvailable: nobody is there to be asked");
  const program = programOf(exec);
  const args = exec.texts("args");
  const env = {
    ...context.env,
    ...variablesOf(exec),
    KUBERNETES_EXEC_INFO: JSON.stringify(infoFor(exec, { apiVersion, context })),
  };
  let remembered: Promise<Credentials> | undefined;
  return ({ refused, timeoutMs }) => {
    if (refused) remembered = undefined;
    const asked = remembered ??= run(program, args, { env, timeoutMs }).then(
      (output) => toCredentials(exec, { output, apiVersion, program }),
      (error: unknown) => {
        throw exec.refusal(
          `${exec.pathTo("command")} ${program} failed: ${messageOf(error)}`,
          `an ExecCredential within ${timeoutMs} ms`,
        );
      },
    );
    // The next need may be served.
    asked.catch(() => { if (remembered === asked) remembered = undefined; });
    return asked;
  };
}

/** One without a slash is looked for on PATH, a relative one starts from the kubeconfig's folder. */
function programOf(exec: Settings): string {
  const command = exec.text("command") ?? exec.refuse("command", "a program");
  return command.includes("/") && !isAbsolute(command) ? join(exec.folder, command) : command;
}

function variablesOf(exec: Settings): Record<string, string> {
  return Object.fromEntries(
    exec
      .objects("env")
      .map((variable) => [
        variable.text("name") ?? variable.refuse("name", "a variable's name"),
        variable.text("value") ?? "",
      ]),
  );
}

function infoFor(
  exec: Settings,
  { apiVersion, context: { cluster, server } }: { readonly apiVersion: string; readonly context: UserContext },
): JsonObject {
  const shown = exec.flag("provideClusterInfo") ? { cluster: clusterInfo(cluster, server) } : {};
  return { kind: "ExecCredential", apiVersion, spec: { ...shown, interactive: false } };
}

function clusterInfo(cluster: Settings, server: string): JsonObject {
  const authority = cluster.pem("certificate-authority");
  const serverName = cluster.text("tls-server-name");
  return {
    server,
    ...(serverName === undefined ? {} : { "tls-server-name": serverName }),
    ...(cluster.flag("insecure-skip-tls-verify") ? { "insecure-skip-tls-verify": true } : {}),
    ...(authority === undefined ? {} : { "certificate-authority-data": Buffer.from(authority).toString("base64") }),
    config: null,
  };
}

interface RunOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
}

async function run(program: string, args: readonly string[], { env, timeoutMs }: RunOptions): Promise<string> {
  const file = program.includes("/") ? program : findProgram(program, (env["PATH"] ?? "").split(":"));
  if (file === undefined) throw new Error("it could not be run (ENOENT)");
  const { status, signal, stdout, stderr } = await runProgram(file, args, { env, timeoutMs, outputBytesMax })
    .catch((error: unknown) => {
      throw new Error(whyNotRun(error), { cause: error });
    });
  if (status === 0) return stdout;
  const end = signal === undefined ? `it ended with status ${status}` : `it was ended by ${signal}`;
  throw new Error(withFirstLine(end, stderr));
}

/** Not as whole command lines: arguments may be secrets. */
function whyNotRun(error: unknown): string {
  if (error instanceof SystemCallError) return `it could not be run (${error.errnoName})`;
  if (!(error instanceof ProgramError)) return messageOf(error);
  return withFirstLine(`${error.problem} and was ended`, error.stderr);
}

function withFirstLine(end: string, stderr: string): string {
  const [said = ""] = stderr.trim().split("\n");
  return said === "" ? end : `${end} and said ${JSON.stringify(said.slice(0, saidCharsMax))}`;
}

const saidCharsMax = 200;

function toCredentials(
  exec: Settings,
  { output, apiVersion, program }: { readonly output: string; readonly apiVersion: string; readonly program: string },
): Credentials {
  const answer = new Settings(jsonObjectIn(output) ?? {}, {
    subject: `${exec.subject}: the answer of ${exec.pathTo("command")} ${program}`,
    path: "",
    folder: exec.folder,
  });
  if (answer.text("kind") !== "ExecCredential") return answer.refuse("kind", "ExecCredential");
  if (answer.text("apiVersion") !== apiVersion) return answer.refuse("apiVersion", JSON.stringify(apiVersion));
  const status = answer.object("status") ?? answer.refuse("status", "an object with a token or a client certificate");
  const token = status.text("token");
  const chain = status.text("clientCertificateData"),
    key = status.text("clientKeyData");
  if ((chain === undefined) !== (key === undefined))
    throw status.refusal(`${status.path} has only one of clientCertificateData and clientKeyData`, "both or none");
  if (token === undefined && chain === undefined)
    return status.refuse("token", "a token or a client certificate", undefined);
  return {
    ...(token === undefined ? {} : { authorization: `Bearer ${tokenOf(status, token)}` }),
    ...(chain === undefined || key === undefined ? {} : { certificate: { chain, key } }),
  };
}
