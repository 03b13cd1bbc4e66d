#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# drill.sh
# The fleet of molecule/rebuild is backed up, and its plan full_rebuild is drilled twice on two bare hosts.  While the
# restored application runs there, it is tried from them, and towards them, what must not be reached, over TCP, UDP and
# DNS, IPv4 and IPv6.  After each drill nothing of it may be left on its hosts, and production and the recoveries in the
# store must be as before.  Prints the time of each step, and exits with 1 if anything was not as it must be.  It needs
# root and the packages of step molecule, and nothing else may use the rig's hosts of these names.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/rig/hosts/env.sh
. "$here/../rig/hosts/env.sh"
hosts=(db2 web1 dns1 store spare spare2)
trap '"$here/../rig/hosts/down.sh" "${hosts[@]}"' EXIT
"$here/../rig/hosts/up.sh" "${hosts[@]}"
"${VENV:-$here/../../.cache/venv}/bin/python" "$here/drill.py" "$LIFEBOAT_RIG"
