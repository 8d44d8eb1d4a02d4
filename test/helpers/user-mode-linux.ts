/**
 * Debian's user-mode-linux: a Linux kernel as an ordinary program, for kernel suites that need what the machine's own
 * kernel lacks. It boots in two seconds with the machine's files, read-only, as its own, and runs one command.
 *
 * It lives in a process and mount namespace of its own, with its memory, pid file and the folder that carries the command
 * in and the answers out in a tmpfs there: however it ends, the kernel of the machine takes all of it away.
 */
import { existsSync } from "node:fs";
import type { Feature } from "./netns.ts";

/** What it has, after loading `modules`. Of nftables it has the bridge family alone. */
const features: readonly Feature[] = ["vlan_filtering", "macvlan", "ipv6"];
const modules = "veth bridge 8021q macvlan nf_tables";

/** Debian's packages user-mode-linux and kmod. */
const programs = ["/usr/bin/linux.uml", "/sbin/modprobe"];

export function userModeLinuxHas(needs: readonly Feature[]): boolean {
  return programs.every((path) => existsSync(path)) && needs.every((feature) => features.includes(feature));
}

/**
 * The command that runs `command` under user-mode Linux, with the caller's environment and working directory. Output,
 * status and what the command writes to descriptor 3 come back when it has ended. TMPDIR is a tmpfs.
 *
 * @param limitMs  it ends itself some seconds before, so that what it wrote until then is seen
 */
export function underUserModeLinux(command: readonly string[], limitMs: number): readonly string[] {
  const seconds = Math.max(10, Math.floor(limitMs / 1000) - 10);
  return [
    "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
    "sh", "-c", boot, "sh", String(seconds), init, `cd ${quoted(process.cwd())} && ${command.map(quoted).join(" ")}`,
  ];
}

// rootflags=/: the machine's root directory. Without the consoles it would take the terminal's input and mode.
const boot = `
mount -t tmpfs tmpfs /run && mkdir /run/job && cd /run/job || exit 1
printf '%s' "$2" >init
printf '%s' "$3" >command
export -p >environment
HOME=/run TMPDIR=/run timeout -k 5 "$1" linux.uml mem=1G rootfstype=hostfs rootflags=/ ro quiet \\
  con=null con0=null,fd:1 ssl=null uml_dir=/run/ umid=uml init=/bin/sh -- /run/job/init </dev/null >console 2>&1 3>&-
ended=$?
cat reports >&3
cat output
[ -e status ] && exit "$(cat status)"
echo "user-mode Linux ended with status $ended after at most $1 seconds, without an answer:"
cat console
exit 1
`;

// The first process. hostfs caches what is written to it unless told to be in step, and would lose it at a timeout.
const init = `
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir -p /run/job /run/kmod/lib/modules
mount -t hostfs -o sync,/run/job none /run/job
ln -s "/usr/lib/uml/modules/$(uname -r)" /run/kmod/lib/modules/
. /run/job/environment
export TMPDIR=/dev/shm
{
  modprobe -d /run/kmod -a ${modules}
  sh /run/job/command
} </dev/null >/run/job/output 2>&1 3>/run/job/reports
echo $? >/run/job/status
echo o >/proc/sysrq-trigger
sleep 5
`;

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
