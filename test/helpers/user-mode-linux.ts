/**
 * User-mode Linux, as Debian builds it: a Linux kernel as an ordinary program, for kernel suites that need what the machine's own
 * kernel lacks. It boots in two seconds with the machine's files, read-only, as its own, and runs one command.
 *
 * It lives in a process and mount namespace of its own, with its memory, pid file and the folder that carries the
 * command in and the answers out in a tmpfs there: however it ends, the kernel of the machine takes all of it away.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { suiteLimitMs } from "./limits.ts";
import type { Feature } from "./netns.ts";

/** What it has, after loading `modules`. Of nftables it has the bridge family alone. */
const features: readonly Feature[] = ["vlan_filtering", "macvlan", "ipv6", "ipvlan", "dummy", "vlan", "vrf", "vxlan"];
const modules = "veth bridge 8021q macvlan ipvlan dummy vrf vxlan nf_tables";

/** The kernel, its modules, and the C library it is linked with, as scripts/newer-packages.mjs leaves them. */
const kernel = join(import.meta.dirname, "..", "..", "build", "user-mode-linux");
const programs = [join(kernel, "linux.uml"), "/sbin/modprobe"];

export function userModeLinuxHas(needs: readonly Feature[]): boolean {
  return programs.every((path) => existsSync(path)) && needs.every((feature) => features.includes(feature));
}

/**
 * The command that runs `command` under user-mode Linux, with the caller's environment and working directory. Output,
 * status and what the command writes to descriptor 3 come back when it has ended; a suite that hangs is ended some
 * seconds before its limit, so that what it wrote until then is seen. TMPDIR is a tmpfs.
 */
export function underUserModeLinux(command: readonly string[]): readonly string[] {
  const seconds = suiteLimitMs / 1000 - 10;
  return [
    "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
    "sh", "-c", boot, "sh", kernel, String(seconds), init, `cd ${quoted(process.cwd())} && ` +
      `${command.map(quoted).join(" ")}`,
  ];
}

// rootflags=/: the machine's root directory. Without the consoles it would take the terminal's input and mode.
const boot = `
mount -t tmpfs tmpfs /run && mkdir /run/job && cd /run/job || exit 1
printf '%s' "$3" >init
printf '%s' "$4" >command
export -p >environment
cp "$1/ld.so" ld.so
HOME=/run TMPDIR=/run timeout -k 5 "$2" env LD_LIBRARY_PATH="$1/lib" "$1/linux.uml" mem=1G rootfstype=hostfs rootflags=/ ro quiet \\
  con=null con0=null,fd:1 ssl=null uml_dir=/run/ umid=uml init=/bin/sh -- /run/job/init </dev/null >console 2>&1 3>&-
ended=$?
cat reports >&3
cat output
[ -e status ] && exit "$(cat status)"
echo "user-mode Linux ended with status $ended after at most $2 seconds, without an answer:"
cat console
exit 1
`;

// The first process. A program with an io_uring, such as Node, brings this kernel down when it starts another one.
// hostfs caches what is written to it unless told to be in step, and would lose it at a timeout.
const init = `
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo 2 >/proc/sys/kernel/io_uring_disabled
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir -p /run/job /run/kmod/lib/modules
mount -t hostfs -o sync,/run/job none /run/job
ln -s "${join(kernel, "modules")}/$(uname -r)" /run/kmod/lib/modules/
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
