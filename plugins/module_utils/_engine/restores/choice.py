# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which backup a restore means, and what is to be said before it replaces anything.
"""

from __future__ import annotations

import typing as t

from .. import repository
from ..anomalies.statistics import Statistics
from ..catalogue import catalogue, newer
from ..errors import UsageError
from .doubts import doubts

if t.TYPE_CHECKING:
    from ..model import World
    from .plan import RestoreRequest


def choose(request: RestoreRequest, world: World) -> tuple[catalogue.Backup, tuple[str, ...]]:
    """
    Give the backup that is meant, and what speaks against it or should be known.

    Raise UsageError when a newer one is known to have been made and cannot be had: then it must be named.
    """
    opened = catalogue.open_repository(request.repository, world)
    component = repository.component(request.cluster, request.database)
    chosen = newer.choose(opened, component, request.backup, world.now())
    if chosen.certain and not world.dry_run:
        raise UsageError(
            chosen.notes[0],
            "If it is the one to restore, name it: "
            f"backup: {chosen.backup.manifest.backup_id} (lifeboat_restore_from).",
            field="backup",
            backup_id=chosen.backup.manifest.backup_id,
            passed_over=[passed.backup_id for passed in chosen.passed],
        )
    against = doubts(opened, chosen.backup, Statistics(request.repository.state_dir, request.repository.place))
    return chosen.backup, (*chosen.notes, *against)
