/** Runtimes that look elsewhere, the daemon, and what Multus has left. */
import { existsSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { findProgram } from "../../os/index.ts";
import type { Runtime } from "../install/node/runtimes.ts";
import { configurationFiles, isReadable, multiplexerIn } from "../machine/configuration.ts";
import type { Finding } from "./finding.ts";

/** A runtime that does not read the directory the multiplexer's configuration is in. */
export function elsewhereFindings(directories: readonly string[], runtimes: readonly Runtime[]): readonly Finding[] {
  const home = configurationFiles(directories).filter(isReadable)
    .find(({ configuration }) => multiplexerIn(configuration) !== undefined)?.file;
  return runtimes.flatMap(({ name, confDir, source, idle }): readonly Finding[] => {
    if (idle !== undefined)
      return [{ severity: "note", about: name, what: "it reads no configuration of CNI", fix: idle }];
    if (home === undefined || home.startsWith(join(confDir, "/"))) return [];
    const said = source === undefined ? "as it does when nothing is said" : `as ${source} says`;
    return [{
      severity: "warning", about: name,
      what: `it looks for configurations in ${confDir}, ${said}, and not where ${home} is`,
      fix: `polynic install --cni-conf-dir ${confDir}, or name the other directory in its own configuration`,
    }];
  });
}

/** A socket that nobody answers costs each call a try. */
export async function socketFindings(sockets: readonly string[]): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const socket of sockets.filter((path) => existsSync(path)))
    if (!(await answers(socket)))
      findings.push({
        severity: "warning", about: socket,
        what: "nobody listens there: calls are served without the daemon, after a try",
        fix: `start the daemon (polynic daemon), or rm ${socket}`,
      });
  return findings;
}

const answerMs = 5000;

async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ path }), done = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.setTimeout(answerMs, () => done(false)).on("connect", () => done(true)).on("error", () => done(false));
  });
}

/** What a Multus that is not there any more has left where runtimes look. */
export function multusFindings(directories: readonly string[], path: readonly string[]): readonly Finding[] {
  const hasMultus = findProgram("multus", path) !== undefined || findProgram("multus-shim", path) !== undefined;
  return directories.flatMap((directory) => {
    const names = existsSync(directory) ? readdirSync(directory) : [];
    const usesFolder = configurationFiles([directory]).filter(isReadable)
      .some(({ configuration }) => JSON.stringify(configuration.json).includes("multus.d"));
    return names.flatMap((name): readonly Finding[] => {
      const about = join(directory, name);
      if (/^\d*-?multus.*\.conf(list)?$/.test(name) && !hasMultus)
        return [{
          severity: "error", about, what: `it names Multus, and no multus or multus-shim is in ${path.join(", ")}`,
          fix: `polynic install, which takes its place, or rm ${about}`,
        }];
      if (name === "multus.d" && !usesFolder)
        return [{
          severity: "note", about, what: "Multus's kubeconfig is here, and no configuration names it",
          fix: `rm -r ${about}, once no Multus is to come back`,
        }];
      return [];
    });
  });
}
