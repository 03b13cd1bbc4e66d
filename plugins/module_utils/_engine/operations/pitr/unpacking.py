# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A base backup becomes a data directory that a server may be started on: whoever recovers a server begins with it."""

from __future__ import annotations

import os
import typing as t

from ...drivers.components.postgres import base_copy
from ...drivers.components.postgres.physical_layout import PhysicalLayout
from ...ground import disk
from . import combining

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...drivers.components.postgres.server import Programs
    from ...ground.progress import Progress
    from ...records.repository.catalogue import Backup
    from .staging import Stage


def unpack(
    backups: Sequence[Backup], stage: Stage, places: Mapping[int, str], programs: Programs, progress: Progress
) -> None:
    """
    Make the copy in `stage` of a backup and what it needs, the oldest first: each file authentic, and as PostgreSQL's
    own manifest says. On failure nothing stays.

    `places` has where each tablespace goes, by its oid. Raise Tampered where anything is not as it was signed.
    """
    progress.phase("unpack")
    stage.make(list(places.values()))
    try:
        if len(backups) > 1:
            combining.combine(backups, stage, places, programs, progress)
        else:
            _unpack(backups[0], stage, places, progress)
        progress.phase("verify")
        stage.complete(programs, places)
    except BaseException:
        stage.remove(places.values())
        raise


def _unpack(backup: Backup, stage: Stage, places: Mapping[int, str], progress: Progress) -> None:
    layout = PhysicalLayout.of(backup.detail())
    for space in layout.tablespaces:
        place = places[space.oid]
        stage.unpack(stage.space(place), backup.member(space.member, progress.member(f"{space.member:04d}").note))
    stage.unpack(stage.data, backup.member(layout.base, progress.member(f"{layout.base:04d}").note))
    disk.write_atomically(os.path.join(stage.data, base_copy.MANIFEST), backup.member(layout.manifest))
