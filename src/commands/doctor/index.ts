/** `polynic doctor`: what is wrong on this machine, and what puts it right. Nothing is changed. */
import { command } from "../command.ts";
import { defaultSocket } from "../daemon/index.ts";
import { requireRoot } from "../errors.ts";
import { dataDirOption } from "../ipam/leases.ts";
import { confDirOption, confDirs, pluginPath, runtimes, stateDirOption } from "../machine/directories.ts";
import { jsonOption } from "../options.ts";
import type { Output } from "../output.ts";
import { lintFindings, missingExecutables, primaryFindings, usedTypes } from "./configurations.ts";
import type { Finding, Severity } from "./finding.ts";
import { checkKernel } from "./kernel.ts";
import { elsewhereFindings, multusFindings, socketFindings } from "./runtimes.ts";
import { stateFindings } from "./state.ts";

export const doctorCommand = command({
  about:
    "Looks at the kernel (each kind of link in a namespace that is thrown away), configurations, the plugins they " +
    "name, which of them a runtime takes, runtimes that look elsewhere, what is left of containers that are gone, " +
    "the daemon's socket and what Multus has left; and says of each thing what puts it right. Nothing is changed.",
  parameters: {},
  options: { ...confDirOption, ...stateDirOption, ...dataDirOption, ...jsonOption },
  statuses: { 0: "nothing is wrong", 1: "an error or a warning" },
  async run({ options, environment, ...output }) {
    requireRoot("look into everything");
    const directories = confDirs(options), path = pluginPath(environment), all = runtimes();
    const { POLYNIC_SOCKET: socket = defaultSocket } = environment;
    const findings = [
      ...(await checkKernel(usedTypes(directories))),
      ...(await lintFindings(directories)),
      ...missingExecutables(directories, all, path),
      ...primaryFindings(directories, all),
      ...elsewhereFindings(directories, all),
      ...multusFindings(directories, path),
      ...(await socketFindings([socket, "/run/multus/multus.sock"].filter((one) => one !== ""))),
      ...(await stateFindings(options, environment)),
    ].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
    if (options.json === true) output.json(findings);
    else tell(findings, output);
    return findings.some(({ severity }) => severity !== "note") ? 1 : 0;
  },
});

const order: readonly Severity[] = ["error", "warning", "note"];
const colours = { error: "red", warning: "yellow", note: "dim" } as const;

function tell(findings: readonly Finding[], { say, style }: Output): void {
  for (const { severity, about, what, fix } of findings) {
    say(`${style[colours[severity]](severity)}  ${about}: ${what}`);
    say(`${" ".repeat(severity.length)}  fix: ${fix}`);
  }
  const counts = order.map((severity) => {
    const count = findings.filter((one) => one.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? "" : "s"}`];
  });
  say(findings.length === 0 ? "nothing is wrong" : counts.flat().join(", "));
}
