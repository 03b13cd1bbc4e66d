#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# layer.sh COMMAND ...: runs it on this machine as if it were a copy of it.  What it installs and writes goes into a layer
# in memory, and its processes end with it, so nothing is left.  Needs root, and memory for what is written
# (LIFEBOAT_LAYER_SIZE, 12g by default).

set -euo pipefail
[ $# -gt 0 ] || { sed -n '6,8s/^# //p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "layer.sh: it needs root." >&2; exit 1; }
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export LAYER=$checkout/.cache/layer
mkdir -p "$LAYER"

# shellcheck disable=SC2016
exec unshare --mount --pid --ipc --fork --kill-child --propagation private bash -euc '
  mount -t tmpfs -o "size=${LIFEBOAT_LAYER_SIZE:-12g}" layer "$LAYER"
  mkdir "$LAYER/upper" "$LAYER/work" "$LAYER/root"
  mount -t overlay -o "lowerdir=/,upperdir=$LAYER/upper,workdir=$LAYER/work" layer "$LAYER/root"
  cd "$LAYER/root"
  for place in dev sys; do mount --rbind "/$place" "$place"; done
  mount -t proc proc proc
  mount -t tmpfs run run
  install -d -m 1777 run/postgresql run/lock
  [ -e ".$0/tests" ] || mount --rbind "$0" ".$0"
  # Packages may be installed here, and none of them may start a service.
  printf "#!/bin/sh\nexit 101\n" >usr/sbin/policy-rc.d
  chmod 0755 usr/sbin/policy-rc.d
  exec chroot . "$@"' "$checkout" "$@"
