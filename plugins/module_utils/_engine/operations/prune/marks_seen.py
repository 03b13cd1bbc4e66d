# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What this host remembers of marks, against a store that shows fewer than it holds.

Their names are drawn by lot, so no store can be asked for one that its listing leaves out; but a mark that protects
stays as long as its backup, and taking it back is another mark. So of each kind, what was seen last is shown, or
something that was said later: otherwise somebody hides it.
"""

from __future__ import annotations

import datetime
import typing as t

from ...ground.errors import InconsistentStore
from ...records.repository import marks
from ...records.repository import names as repository

if t.TYPE_CHECKING:
    from ...records.repository.catalogue import Repository
    from ...records.repository.receipts import MarkSeen
    from .survey import Survey

SAID = {marks.RESTORE_TESTED: "is restore-tested", "pinned": "is pinned", "hold": "is on hold"}


def require(opened: Repository, found: Survey) -> None:
    """Raise InconsistentStore when the store does not show what is known to be said of a backup that it lists."""
    here = {entry.backup.manifest.backup_id for entry in found.listed}
    for (identity, kind), seen in sorted(opened.receipts.marks(opened.application).items()):
        if identity in here and not _is_shown(found, seen):
            raise InconsistentStore(
                f"{opened.store.url} does not show {seen.name}, by which {identity} {SAID[kind]}, nor that anybody "
                "removed it, so its marks cannot be relied on.",
                "Nothing was deleted. Find out why its marks are missing (moved, not mounted, removed), and restore "
                "them. " + _way_out(kind),
                name=seen.name,
            )


def remember(opened: Repository, found: Survey) -> None:
    """Remember the marks that protect a backup."""
    standing = (mark for said in found.marks.values() for mark in said.standing)
    opened.receipts.saw_marks(mark for mark in standing if mark.kind in repository.PROTECTING_MARKS)


def _is_shown(found: Survey, seen: MarkSeen) -> bool:
    if any(info.name == seen.name for info in found.mark_objects.get(seen.backup_id, ())):
        return True
    said = found.marks.get(seen.backup_id, marks.Marks())
    since = datetime.datetime.fromisoformat(seen.at)
    return any(
        mark.kind == seen.kind and (mark.at >= since or mark.lifts == marks.token(seen.name))
        for mark in (*said.standing, *said.lifts)
    )


def _way_out(kind: str) -> str:
    if kind == marks.RESTORE_TESTED:
        return "If they are lost, validate that backup again (playbook lifeboat.recovery.validate)."
    return "If they are lost, set it again (module backup_mark), and remove it if the backup may be deleted."
