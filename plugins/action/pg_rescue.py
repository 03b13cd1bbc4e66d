# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows the progress of module pg_rescue."""

from __future__ import annotations

import typing as t

from ..module_utils._engine.records.repository import names as repository
from ..plugin_utils._follow import Following


class ActionModule(Following):
    """Follows the rescue of rows of one database."""

    OPERATION = "rescue"

    def subject(self, options: t.Mapping[str, t.Any]) -> str:
        """Return the component whose rows are rescued."""
        return repository.component(str(options.get("cluster", "main")), str(options["database"]))
