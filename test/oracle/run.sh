#!/bin/bash
# Builds the server in DIRECTORY (once: 350 MB from Debian's unstable suite, 2 to 5 minutes), runs it on an etcd in a network
# namespace of its own and holds it against test/deploy/definitions.ts and the store of leases. As root, by hand: see README.md.
#
#   test/oracle/run.sh DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)

unpack() { # SUITE PACKAGE... : with all they depend on, beside the system's own
  local suite=$1 apt=$dir/apt-$1; shift
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  local archive; archive=$(grep -hoP '^(URIs:\s*|deb\s+(\[[^]]*\]\s+)?)\K\S+debian\S*' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v security | head -1) || true
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main" > "$apt/sources.list"
  cat > "$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "-"; Dir::Etc::preferences "-"; Dir::Etc::preferencesparts "-";
Dir::State::lists "$apt/lists"; Dir::Cache::archives "$apt/archives"; Dir::State::status "/dev/null"; APT::Sandbox::User "root";
CONF
  APT_CONFIG=$apt/apt.conf apt-get update -qq
  APT_CONFIG=$apt/apt.conf apt-get install -y -qq --download-only --no-install-recommends "$@"
  for package in "$apt"/archives/*.deb; do dpkg -x "$package" "$dir/system"; done
}

if ! [ -x "$dir/server" ]; then
  unpack sid golang-k8s-apiextensions-apiserver-dev golang-go
  (cd "$dir" && apt-get download -qq etcd-server && dpkg -x etcd-server_*.deb system)
  go=$(echo "$dir"/system/usr/lib/go-[0-9]*)
  GO111MODULE=off CGO_ENABLED=0 GOTOOLCHAIN=local GOROOT=$go GOPATH=$dir/system/usr/share/gocode GOCACHE=$dir/cache \
    "$go/bin/go" build -o "$dir/server" "$here/server.go"
fi

cat > "$dir/nowhere" <<'CONF'
{ "apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": [{ "name": "x", "context": { "cluster": "x", "user": "x" } }],
  "clusters": [{ "name": "x", "cluster": { "server": "http://127.0.0.1:1" } }], "users": [{ "name": "x", "user": {} }] }
CONF
rm -rf "$dir/data"
export dir here
# When the command ends the kernel ends etcd and the server with it.
exec unshare --net --pid --fork --kill-child bash -c '
  ip link set lo up
  "$dir/system/usr/bin/etcd" --data-dir "$dir/data" --log-level warn > "$dir/etcd.log" 2>&1 &
  "$dir/server" --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 --bind-address=127.0.0.1 --cert-dir="$dir/certs" \
    --core-kubeconfig="$dir/nowhere" > "$dir/server.log" 2>&1 &
  cd "$here/../.." && status=0
  for script in compare leases; do
    NODE_TLS_REJECT_UNAUTHORIZED=0 node_modules/.bin/node --no-warnings test/oracle/$script.ts https://127.0.0.1:6443 || status=1
  done
  exit $status'
