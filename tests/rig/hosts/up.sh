#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# up.sh [HOST ...]     real hosts on a private bridge, with fixed addresses and fixed MACs: a host that is made again
#                      at the same address must not leave its neighbours with a stale ARP entry
#   db1    PREFIX.11   Debian 12, PostgreSQL 15
#   db2    PREFIX.12   Debian 13, PostgreSQL 17
#   spare  PREFIX.13   Debian 13 without PostgreSQL
#   store  PREFIX.14   an S3 server: https://PREFIX.14:9009 and http://PREFIX.14:9000
#   web1   PREFIX.15   Debian 13 without PostgreSQL, for a web application
#   pg1    PREFIX.16   Debian 13, PostgreSQL 17; pg2 at .17 is another: campaigns use them beside molecule
#   dns1   PREFIX.18   Debian 13 with BIND, which is neither configured nor started
#   spare2 PREFIX.19   as spare
# Without arguments: db1 db2 store.  A host that exists is thrown away and made again.
# PREFIX stands in $LIFEBOAT_RIG/prefix: 10.89.77, or the next one that is free on this machine.
# All are reached by ssh as root with the key keys/id_ed25519; the store's credentials and CA lie in store/.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/rig/hosts/env.sh
. "$here/env.sh"

start() { # HOST [PODMAN-ARGUMENT ...]
  local host=$1 octet image other names=()
  shift
  read -r octet image <<<"${RIG_HOSTS[$host]}"
  for other in "${!RIG_HOSTS[@]}"; do
    names+=(--add-host "$other:$prefix.${RIG_HOSTS[$other]%% *}")
  done
  # SYS_ADMIN: without it systemd silently leaves ProtectSystem= out, and nothing can be mounted.
  # Each is a machine of its own; the image has the id that D-Bus made when it was built.
  podman rm --force --ignore --volumes --time 0 "$host" >/dev/null
  podman run --detach --name "$host" --hostname "$host" --systemd=always \
    --network "$RIG_NETWORK" --ip "$prefix.$octet" --mac-address "52:54:00:89:77:$octet" \
    "${names[@]}" --cap-add SYS_ADMIN,NET_ADMIN,NET_RAW,SYS_NICE,SYS_PTRACE "${RIG_SECURITY[@]}" \
    --volume "$LIFEBOAT_RIG/keys/id_ed25519.pub:/root/.ssh/authorized_keys:ro" \
    "$@" "localhost/lifeboat-$image" /sbin/init "systemd.machine_id=$(tr -d - </proc/sys/kernel/random/uuid)" >/dev/null
}

make_network() { # at the first prefix that no other network of the machine has, such as that of another rig
  local octet error
  for octet in $(seq 77 96); do
    if error=$(podman network create --subnet "10.89.$octet.0/24" --gateway "10.89.$octet.1" "$RIG_NETWORK" 2>&1); then
      echo "10.89.$octet" >"$LIFEBOAT_RIG/prefix"
      return
    fi
  done
  echo "$error" >&2
  return 1
}

start_store() {
  "$here/../s3/s3.sh" install
  # The server's root file system is shared and what a store writes goes with it; its data lie on a plain volume.
  # podman's system call filter leaves out the asynchronous input and output that Ceph's disks need.
  start store --security-opt seccomp=unconfined --env "LIFEBOAT_RIG_ADDRESS=$prefix.14" \
    --volume "$LIFEBOAT_RIG/s3/debian:/rig/s3/debian:O" \
    --volume /rig/s3/debian/srv \
    --volume "$LIFEBOAT_RIG/s3/installed:/rig/s3/installed:ro" --volume "$LIFEBOAT_RIG/s3/version:/rig/s3/version:ro" \
    --volume "$here/../s3/s3.sh:/rig/s3.sh:ro" --volume "$here/store.service:/etc/systemd/system/store.service:ro"
}

running() { # HOST: wait for its systemd, asking again because its bus is not there from the first moment
  local state='' _
  for _ in $(seq 300); do
    state=$(podman exec "$1" systemctl is-system-running 2>/dev/null || true)
    case $state in
      running) return ;;
      degraded)
        podman exec "$1" systemctl --failed --no-legend >&2
        return 1
        ;;
    esac
    sleep 0.2
  done
  echo "up.sh: $1 did not come up: ${state:-no answer}" >&2
  return 1
}

serve_store() {
  local file
  if ! podman exec store systemctl enable --quiet --now store; then
    podman exec store journalctl --no-pager --unit store >&2
    return 1
  fi
  mkdir -p "$LIFEBOAT_RIG/store"
  chmod 0700 "$LIFEBOAT_RIG/store"
  for file in credentials ca.crt; do
    podman cp "store:/rig/s3/debian/srv/store/$file" "$LIFEBOAT_RIG/store/$file"
  done
}

[ $# -gt 0 ] || set -- db1 db2 store
suites=()
for host in "$@"; do
  if [ -z "${RIG_HOSTS[$host]:-}" ]; then
    echo "up.sh: no host is named $host" >&2
    exit 2
  fi
  suites+=("${RIG_HOSTS[$host]##*:}")
done
mapfile -t suites < <(printf '%s\n' "${suites[@]}" | sort -u)
"$here/image.sh" "${suites[@]}"
podman network exists "$RIG_NETWORK" || make_network
prefix=$(rig_prefix)
for host in "$@"; do
  case $host in
    store) start_store ;;
    *) start "$host" ;;
  esac
done
for host in "$@"; do
  running "$host"
  [ "$host" != store ] || serve_store
done
