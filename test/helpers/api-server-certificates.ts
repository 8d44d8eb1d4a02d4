/** An authority of our own with a server's and a client's certificate, made anew in every process that asks. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitLimitMs } from "./limits.ts";

/** PEM. */
export interface Certificates {
  readonly authority: string;
  readonly server: { readonly chain: string; readonly key: string };
  readonly client: { readonly chain: string; readonly key: string };
}

/** Names of the server's certificate, beside the loopback addresses. */
export const serverNames = ["kubernetes.default.svc", "localhost"];
const sections = `
[req]
distinguished_name = none
prompt = no
[none]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[server]
subjectAltName = IP:127.0.0.1,IP:::1,${serverNames.map((name) => `DNS:${name}`).join(",")}
extendedKeyUsage = serverAuth,clientAuth
[client]
extendedKeyUsage = clientAuth
`;

let made: Certificates | undefined;

/** Needs openssl 3, as the shell has it. */
export function certificates(): Certificates {
  if (made !== undefined) return made;
  const folder = mkdtempSync(join(tmpdir(), "polynic-certificates-"));
  try {
    writeFileSync(join(folder, "openssl.cnf"), sections);
    const issue = (name: string, subject: string, ...signed: readonly string[]): { chain: string; key: string } => {
      execFileSync("openssl", ["req", "-x509", "-config", "openssl.cnf", "-extensions", name, "-newkey", "ec",
        "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", subject, "-keyout", `${name}.key`, "-out", `${name}.crt`, ...signed],
          { cwd: folder, stdio: ["ignore", "ignore", "pipe"], timeout: waitLimitMs });
      return { chain: readFileSync(join(folder, `${name}.crt`), "utf8"),
        key: readFileSync(join(folder, `${name}.key`), "utf8") };
    };
    const authority = issue("authority", "/CN=test authority").chain;
    const bySame = ["-CA", "authority.crt", "-CAkey", "authority.key"];
    made = { authority, server: issue("server", "/CN=kube-apiserver", ...bySame),
      client: issue("client", "/O=system:nodes/CN=system:node:test", ...bySame) };
    return made;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
