#!/bin/sh
# Starts polynic under the name it was invoked by: the runtime, the bundle and everything else lie in lib/polynic,
# beside the directory of this file. A shell costs under a millisecond, and exec leaves signals and the exit status to
# the runtime. Only builtins on the usual way: PATH may be empty, and a child process would cost another millisecond.
case $0 in
  */*) lib=${0%/*}/../lib/polynic ;;
  *) lib=../lib/polynic ;;
esac

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

# What the caller's environment tells its own Node, OpenSSL or ICU is not meant for us.
unset NODE_OPTIONS NODE_PATH NODE_COMPILE_CACHE NODE_V8_COVERAGE NODE_DEBUG NODE_DEBUG_NATIVE NODE_ICU_DATA \
  NODE_PENDING_DEPRECATION NODE_PRESERVE_SYMLINKS NODE_PRESERVE_SYMLINKS_MAIN NODE_REDIRECT_WARNINGS \
  NODE_TEST_CONTEXT NODE_USE_ENV_PROXY NODE_USE_SYSTEM_CA NODE_EXTRA_CA_CERTS OPENSSL_CONF

# Small systems lack libatomic, which Node 26 is linked with; ours serves only those.
[ -e /lib/x86_64-linux-gnu/libatomic.so.1 ] || [ -e /lib/aarch64-linux-gnu/libatomic.so.1 ] ||
  [ -e /usr/lib64/libatomic.so.1 ] || [ -e /usr/lib/libatomic.so.1 ] ||
  export LD_LIBRARY_PATH="$lib/fallback${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

exec "$lib/node" @NODE_FLAGS@ "$lib/start.cjs" "${0##*/}" "$@"
