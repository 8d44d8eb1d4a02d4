#!/bin/sh
# The one-shot form: starts the runtime with the bundle under the name polynic was invoked by. It lies in lib/polynic,
# where the shim executes it with that name as its first argument; without a shim it is bin/polynic itself and goes by
# its own name. The runtime, the bundle and everything else lie in lib/polynic. A shell costs under a millisecond, and
# exec leaves signals and the exit status to the runtime. Only builtins on the usual way: PATH may be empty, and a child
# process would cost another millisecond.
case $0 in
  */lib/polynic/launcher) lib=${0%/launcher} name=$1; shift ;;
  */*) lib=${0%/*}/../lib/polynic name=${0##*/} ;;
  *) lib=../lib/polynic name=$0 ;;
esac

# VERSION is the same answer always; a podman asks it of every plugin at every command.
if [ "$CNI_COMMAND" = VERSION ]; then
  case $name in
@VERSIONS@
  esac
fi

# Invoked through a link in some other directory (/opt/cni/bin/bridge): no builtin reads a link. "command -p" looks in
# the system's own directories, whatever PATH says.
if ! [ -e "$lib/start.cjs" ]; then
  file=$(command -p readlink -f -- "$0")
  lib=${file%/*}/../lib/polynic
fi
if ! [ -x "$lib/node" ]; then
  printf '{"cniVersion":"1.1.0","code":5,"msg":"Cannot start polynic: %s, %s"}\n' \
    'no runtime found' 'expected lib/polynic beside the bin directory the executable is in'
  exit 1
fi

# Where the pids cgroup has room for a thread but not for all that Node starts, it waits for the others for ever. The
# shim tries; a shell would need a process for that, and looks at the numbers instead: 0.2 ms.
threads=3
require_threads() {
  [ -r /proc/self/cgroup ] || return 0
  while IFS=: read -r _ controllers group; do
    case $controllers in
      pids | pids,* | *,pids | *,pids,*) at=/sys/fs/cgroup/pids ;;
      '') at=/sys/fs/cgroup ;;
      *) continue ;;
    esac
    while [ -n "${group%/}" ]; do
      if [ -r "$at$group/pids.max" ] && read -r most <"$at$group/pids.max" && [ "$most" != max ] &&
        read -r now <"$at$group/pids.current" && [ $((now + threads)) -gt "$most" ]; then
        printf '{"cniVersion":"1.1.0","code":11,"msg":"Cannot start polynic: no thread can be had, %s"}\n' \
          "cgroup $at$group has $now of $most, expected room for more processes and threads"
        exit 1
      fi
      group=${group%/*}
    done
  done </proc/self/cgroup
}
case $0 in
  */lib/polynic/launcher) ;;
  *) require_threads ;;
esac

# What the caller's environment tells its own Node, OpenSSL or ICU is not meant for us.
unset NODE_OPTIONS NODE_PATH NODE_COMPILE_CACHE NODE_V8_COVERAGE NODE_DEBUG NODE_DEBUG_NATIVE NODE_ICU_DATA \
  NODE_PENDING_DEPRECATION NODE_PRESERVE_SYMLINKS NODE_PRESERVE_SYMLINKS_MAIN NODE_REDIRECT_WARNINGS \
  NODE_TEST_CONTEXT NODE_USE_ENV_PROXY NODE_USE_SYSTEM_CA NODE_EXTRA_CA_CERTS OPENSSL_CONF

# Small systems lack libatomic, which Node 26 is linked with; ours serves only those.
[ -e /lib/x86_64-linux-gnu/libatomic.so.1 ] || [ -e /lib/aarch64-linux-gnu/libatomic.so.1 ] ||
  [ -e /usr/lib64/libatomic.so.1 ] || [ -e /usr/lib/libatomic.so.1 ] ||
  export LD_LIBRARY_PATH="$lib/fallback${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

# What runs for long has flags of its own, see scripts/runtime.mjs.
if [ "$1" = daemon ] || [ "$1" = dhcp-daemon ]; then
  # The C library gives every thread a heap of its own, which keep what they once had.
  export MALLOC_ARENA_MAX=2
  exec "$lib/node" @DAEMON_FLAGS@ "$lib/start.cjs" "$name" "$@"
fi
exec "$lib/node" @NODE_FLAGS@ "$lib/start.cjs" "$name" "$@"
