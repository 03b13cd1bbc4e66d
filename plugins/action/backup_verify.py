# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows the progress of module backup_verify."""

from __future__ import annotations

import typing as t

from ..plugin_utils._follow import Following


class ActionModule(Following):
    """Follows the reading of stored backups."""

    OPERATION = "verify"

    def subject(self, options: t.Mapping[str, t.Any]) -> str:
        """Return the database, the cluster or the application whose backups are read."""
        named = [str(options[name]) for name in ("cluster", "database") if options.get(name)]
        return "/".join(named) or str(options["application"])
