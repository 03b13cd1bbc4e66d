# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows the progress of module pg_basebackup."""

from __future__ import annotations

import typing as t

from ..module_utils._engine.drivers.components.base import WHOLE_CLUSTER
from ..module_utils._engine.records.repository import names as repository
from ..plugin_utils._follow import Following


class ActionModule(Following):
    """Follows the backup of a server's files."""

    OPERATION = "backup"

    def subject(self, options: t.Mapping[str, t.Any]) -> str:
        """Return the component that is backed up."""
        return repository.component(str(options.get("cluster", "main")), WHOLE_CLUSTER)
