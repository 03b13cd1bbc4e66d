# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does the work of module recovery_report in Ansible's own process."""

from __future__ import annotations

from ..modules import recovery_report
from ..plugin_utils._here import Here


class ActionModule(Here):
    """Writes the report of a recovery."""

    WORK = recovery_report.WORK
