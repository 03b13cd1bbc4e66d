#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# down.sh [HOST ...]     throw hosts away; without arguments all of them and their network.  The images stay.
set -euo pipefail
# shellcheck source=tests/rig/hosts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
if [ $# -gt 0 ]; then
  podman rm --force --ignore --volumes --time 0 "$@" >/dev/null
else
  podman rm --force --ignore --volumes --time 0 "${!RIG_HOSTS[@]}" >/dev/null
  podman network rm --force "$RIG_NETWORK" >/dev/null
  rm -rf "$LIFEBOAT_RIG/store"
fi
