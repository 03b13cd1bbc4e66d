# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows the progress of module pg_backup."""

from __future__ import annotations

import typing as t

from ..module_utils._engine.records.repository import names as repository
from ..plugin_utils._follow import Following


class ActionModule(Following):
    """Follows the backup of one database, or of several."""

    OPERATION = "backup"

    def subject(self, options: t.Mapping[str, t.Any]) -> str:
        """Return the component that is backed up, or the cluster of several."""
        cluster = str(options.get("cluster", "main"))
        several = options.get("databases")
        return repository.cluster(cluster) if several else repository.component(cluster, str(options["login_db"]))
