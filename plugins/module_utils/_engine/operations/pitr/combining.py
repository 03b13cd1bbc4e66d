# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A full base backup and the incremental ones that follow it become one copy.

Each is unpacked into a directory of its own, and has to be as its manifest says. PostgreSQL's own program combines
them, as the server's user: it may read the parts, and write into what is empty. What it made is taken back from that
user before anything else is done in it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import typing as t

from ...drivers.components.postgres import base_copy
from ...drivers.components.postgres.physical_layout import PhysicalLayout
from ...ground import disk

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ...drivers.components.postgres.server import Programs
    from ...ground.progress import Progress
    from ...records.repository.catalogue import Backup
    from .staging import Stage


def combine(
    backups: Sequence[Backup], stage: Stage, places: Mapping[int, str], programs: Programs, progress: Progress
) -> None:
    """Make the data of `stage` of a chain, the oldest first. Raise Tampered where a part is not as it was signed."""
    parts = []
    stage.make_passable(stage.parts)
    for number, backup in enumerate(backups, 1):
        part = os.path.join(stage.parts, str(number))
        stage.make_passable(part)
        spaces = _unpacked(backup, part, stage, progress, number)
        parts.append(os.path.join(part, "data"))
        base_copy.link(parts[-1], spaces)
        for directory in (parts[-1], *spaces.values()):
            stage.give_away(directory)
        base_copy.verify(programs, parts[-1], stage.owner.prefix)
    progress.phase("combine")
    moved = {spaces[oid]: stage.space(place) for oid, place in places.items()}
    with _lent(stage, places.values(), [stage.data, *moved.values()]):
        base_copy.combine(programs, parts, stage.data, moved, stage.owner.prefix)
    shutil.rmtree(stage.parts, ignore_errors=True)


def _unpacked(backup: Backup, part: str, stage: Stage, progress: Progress, number: int) -> dict[int, str]:
    """Unpack a backup into `part`, and return where its tablespaces are there."""
    layout = PhysicalLayout.of(backup.detail())
    spaces = {space.oid: os.path.join(part, str(space.oid)) for space in layout.tablespaces}
    into = {space.member: spaces[space.oid] for space in layout.tablespaces} | {layout.base: os.path.join(part, "data")}
    for member, directory in into.items():
        with disk.explained(directory):
            os.mkdir(directory, 0o700)
        stage.unpack(directory, backup.member(member, progress.member(f"{number}/{member:04d}").note))
    manifest = os.path.join(into[layout.base], base_copy.MANIFEST)
    disk.write_atomically(manifest, backup.member(layout.manifest))
    return spaces


@contextlib.contextmanager
def _lent(stage: Stage, above: Iterable[str], directories: Sequence[str]) -> Iterator[None]:
    """Let the server's user write into directories inside the block, and pass through those above them."""
    if os.geteuid() != 0:
        yield
        return
    owner = stage.owner
    with contextlib.ExitStack() as ending:
        for place in above:
            with disk.explained(place):
                handle = ending.enter_context(stage.opened(place))
                found = os.fstat(handle)
                if found.st_uid != owner.uid:
                    mode = stat.S_IMODE(found.st_mode)
                    ending.callback(os.fchmod, handle, mode)
                    os.fchown(handle, -1, owner.gid)
                    os.fchmod(handle, mode | stat.S_IXGRP)  # to pass through, for as long as the program runs
        for directory in directories:
            with disk.explained(directory):
                handle = ending.enter_context(stage.opened(directory))
                ending.callback(os.fchown, handle, 0, 0)
                os.fchown(handle, owner.uid, owner.gid)
        yield
