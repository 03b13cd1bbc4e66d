#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# other_debian.sh [PYTEST-ARGUMENT ...]
# Integration tests that step matrix leaves out, because hardly anything in them depends on PostgreSQL: buckets,
# retention, damage and kills, the example inventories, the installation, the notifications and most playbooks, with the
# Python and the ansible-core of the other Debian, in its container.  pytest counts; the status is 1 when a test failed.
set -euo pipefail
matrix=$(dirname "${BASH_SOURCE[0]}")/../matrix.sh
exec "$matrix" --left-out "$@"
