/**
 * The daemon's systemd units: what they say, where they are, and how systemd hears of them. deploy/systemd has the same
 * two for a tree in /opt/cni/bin.
 */
import { join } from "node:path";
import { CommandError } from "../../errors.ts";
import type { NodeFiles } from "./files.ts";
import type { Step } from "./step.ts";

/** Where an administrator's units are (systemd.unit(5), Unit File Load Path). */
export const unitDirectory = "/etc/systemd/system";

export const socketUnit = "polynic.socket", serviceUnit = "polynic.service";

/** What `systemctl enable` makes of `WantedBy=sockets.target` (systemd.unit(5), [Install]). */
export const enablingLink = { name: join("sockets.target.wants", socketUnit), target: join("..", socketUnit) };

export interface Unit {
  readonly name: string;
  readonly content: string;
}

/** @param executable  what the service runs, as the node knows it: the link, so that it is the tree of the day */
export function unitsFor(executable: string): readonly Unit[] {
  return [
    { name: serviceUnit, content: serviceText(executable) },
    { name: socketUnit, content: socketText },
  ];
}

/** Whether a systemd can be told anything from here: it runs, and `/` is its own (sd_booted(3)). */
export function hearsUs(root: string, files: NodeFiles): boolean {
  return root === "/" && files.kind("/run/systemd/system") === "directory";
}

/** For new units, and a new tree: the daemon of the old one would decline calls of the new one's shims. */
export function startSteps(): readonly Step[] {
  return [
    systemctlStep(["daemon-reload"]),
    systemctlStep(["start", socketUnit]),
    // It finishes what it has begun, which may take minutes.
    systemctlStep(["--no-block", "try-restart", serviceUnit]),
  ];
}

/** While the units are there; both, since a call may come between the two. */
export function stopSteps(): readonly Step[] {
  return [systemctlStep(["stop", socketUnit, serviceUnit])];
}

export function forgetSteps(): readonly Step[] {
  return [systemctlStep(["daemon-reload"])];
}

/**
 * What an operator has to do where nobody here can.
 *
 * @param isKnown  systemd knows the units, from an earlier time
 */
export function unheardNote(
  { root, isKnown }: { readonly root: string; readonly isKnown: boolean }, files: NodeFiles,
): string {
  if (isKnown)
    return `${serviceUnit} may still run the tree from before, and leaves calls to the one-shot form then: expected ` +
      `systemctl try-restart ${serviceUnit} on the node`;
  const isNowhere = root === "/" && files.kind("/run/systemd/system") === undefined;
  const why = isNowhere
    ? "systemd does not run here (/run/systemd/system is not there)"
    : `the node's systemd cannot be told from here, where the node's / is ${root}`;
  const todo = isNowhere
    ? "the next start of a system with systemd, or polynic daemon to be started by whatever starts services here"
    : `systemctl daemon-reload && systemctl start ${socketUnit} on the node, or its next start`;
  return `${socketUnit} is enabled and does not listen yet: ${why}, expected ${todo}`;
}

/** systemctl(1): a unit that is not loaded. */
const notLoaded = 5;

function systemctlStep(words: readonly string[]): Step {
  const isStop = words[0] === "stop";
  return {
    what: `run systemctl ${words.join(" ")}`,
    run(files) {
      const { status, said } = files.systemctl(words);
      if (status === 0 || (isStop && status === notLoaded)) return;
      throw new CommandError(`it ended with status ${status}${said === "" ? "" : ` and said: ${said}`}`);
    },
  };
}

function serviceText(executable: string): string {
  return `# Started by ${socketUnit}, and gone again when nobody has asked for a while.
#
# No ProtectSystem, PrivateTmp or other option that gives a unit mounts of its own, and no network of its own: a call
# from another mount or network namespace than the daemon's is left to the one-shot form.
[Unit]
Description=polynic, networks for containers
Documentation=file:///opt/polynic/docs/daemon.md
Requires=${socketUnit}
After=${socketUnit}

[Service]
Type=exec
ExecStart=${quoted(executable)} daemon --idle-exit 300
# What has begun is finished; plugins it runs are not told to end.
KillMode=mixed
TimeoutStopSec=330
Restart=on-failure
LimitNOFILE=65536
OOMScoreAdjust=-500
`;
}

const socketText = `# Where the shims look for a daemon. Connecting starts ${serviceUnit}.
[Unit]
Description=Calls of container runtimes to polynic

[Socket]
ListenStream=/run/polynic/polynic.sock
SocketMode=0600
DirectoryMode=0700
# Shims beyond it wait; the kernel takes no more than net.core.somaxconn.
Backlog=4096
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
`;

/** systemd.service(5), Command Lines: words, quotes, specifiers and variables. */
function quoted(path: string): string {
  const text = path.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /[\s"'\\;]/.test(text) ? `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : text;
}
