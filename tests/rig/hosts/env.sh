# shellcheck shell=bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Source me: podman with storage, settings, networks and keys of its own below $LIFEBOAT_RIG.
# Nothing of it is seen by the podman of the machine, and removing the directory removes everything.

LIFEBOAT_RIG=${LIFEBOAT_RIG:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/.cache/rig}
mkdir -p "$LIFEBOAT_RIG"
LIFEBOAT_RIG=$(cd "$LIFEBOAT_RIG" && pwd -P)
export LIFEBOAT_RIG

# Two checkouts on one machine must not share a socket directory: the run root carries a hash of the rig's path.
RIG_ID=$(printf '%s' "$LIFEBOAT_RIG" | sha256sum | cut -c1-8)
export CONTAINERS_STORAGE_CONF=$LIFEBOAT_RIG/storage.conf CONTAINERS_CONF=$LIFEBOAT_RIG/containers.conf

rig_runtime() { # crun before 1.15 refuses the hybrid cgroup layout; runc runs in it
  if command -v runc >/dev/null && [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
    echo runc
  elif command -v crun >/dev/null; then
    echo crun
  else
    echo runc
  fi
}

# The bridge of the hosts.  Its prefix is the first one that was free on this machine, where another rig may be up.
export RIG_NETWORK=lifeboat-rig

rig_prefix() { cat "$LIFEBOAT_RIG/prefix"; }

# The hosts: for each the last octet of its address and its image.  up.sh says what they are.
declare -A RIG_HOSTS=(
  [db1]="11 pg:bookworm" [db2]="12 pg:trixie" [spare]="13 base:trixie" [store]="14 base:trixie"
  [web1]="15 base:trixie" [pg1]="16 pg:trixie" [pg2]="17 pg:trixie" [dns1]="18 dns:trixie" [spare2]="19 base:trixie"
)
export RIG_HOSTS

# Where AppArmor is on, podman's profile forbids every mount, and with it what systemd does for its services.
RIG_SECURITY=()
if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
  RIG_SECURITY+=(--security-opt apparmor=unconfined)
fi

rig_settings() { # under a lock, each file whole: a step beside this one may run podman at this moment
  exec 8>"$LIFEBOAT_RIG/settings.lock"
  flock 8
  mkdir -p "$LIFEBOAT_RIG/keys" "$LIFEBOAT_RIG/networks"
  chmod 0700 "$LIFEBOAT_RIG/keys"
  [ -f "$LIFEBOAT_RIG/keys/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C rig -f "$LIFEBOAT_RIG/keys/id_ed25519"
  rig_file "$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "overlay"
graphroot = "$LIFEBOAT_RIG/containers"
runroot = "/run/lifeboat-rig-$RIG_ID"
CONF
  # A machine without CAP_SYS_RESOURCE can't set podman's own default limits of 1048576.
  rig_file "$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
[engine]
runtime = "$(rig_runtime)"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "$LIFEBOAT_RIG/networks"
CONF
  exec 8>&-
}

rig_file() { # PATH: from standard input
  cat >"$1.fresh"
  mv "$1.fresh" "$1"
}

rig_settings
