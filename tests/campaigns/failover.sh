#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# failover.sh
# Two hosts of tests/rig/hosts with PostgreSQL 17, of which one follows the other, under a writer that counts the commits
# that were acknowledged: power loss and promotion, return by pg_rewind, two switchovers, a fence, return by
# pg_basebackup.  Prints what was lost and what was told, and exits with 1 if they differ by more than 1 %, or a
# switchover lost anything.  Needs root and the images of the rig.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/rig/hosts/env.sh
. "$here/../rig/hosts/env.sh"
trap '"$here/../rig/hosts/down.sh" pg1 pg2' EXIT
"$here/../rig/hosts/up.sh" pg1 pg2
"${VENV:-$here/../../.cache/venv}/bin/python" "$here/failover.py" "$LIFEBOAT_RIG" "$here/../rig/hosts"
