# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which backup a restore means, and what is to be said before it replaces anything.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ..anomalies.statistics import Statistics
from ..catalogue import catalogue, newer
from ..catalogue.chains import chain
from ..errors import UsageError
from .doubts import doubts

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ..model import World


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """
    The backup that is meant, last in the `chain` of all that it needs, and what speaks `against` it.

    `read` finds another backup of the same component by its id.
    """

    chain: tuple[catalogue.Backup, ...]
    read: Callable[[str], catalogue.Backup]
    against: tuple[str, ...] = ()


def choose(settings: catalogue.RepositorySettings, component: str, selector: str, world: World) -> Choice:
    """
    Return the backup that is meant, and what speaks against it or should be known.

    Raise UsageError when a newer one is known to have been made and cannot be had: then it must be named.
    """
    opened = catalogue.open_repository(settings, world)
    chosen = newer.choose(opened, component, selector, world.now())
    if chosen.certain and not world.dry_run:
        raise UsageError(
            chosen.notes[0],
            "If it is the one to restore, name it: "
            f"backup: {chosen.backup.manifest.backup_id} (lifeboat_restore_from).",
            field="backup",
            backup_id=chosen.backup.manifest.backup_id,
            passed_over=[passed.backup_id for passed in chosen.passed],
        )
    against = doubts(opened, chosen.backup, Statistics(settings.state_dir, settings.place))
    return Choice(chain(opened, chosen.backup), functools.partial(opened.read, component), (*chosen.notes, *against))
