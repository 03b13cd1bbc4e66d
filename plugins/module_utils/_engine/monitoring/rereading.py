# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which stored files were never read again since they were written, by what the audit log says was read.

A verification says how many files it read and on which day, and its choice is a function of the day and the names; so
it can be repeated. Of files that were deleted since nothing is left, and a sample that held some of them is taken for
as large a share of the files that remain.
"""

from __future__ import annotations

import datetime
import typing as t

from .. import repository, verbs
from ..proving import verification

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..audit.log import Entry
    from ..catalogue.manifest import Manifest


def unread(backups: Sequence[Manifest], entries: Iterable[Entry]) -> dict[str, int]:
    """Give for each backup, by component and id, how many of its files nothing has read again."""
    left = {_key(backup): {file.name for file in backup.files} for backup in backups}
    for entry in entries:
        if entry.result == "ok" and entry.operation in verbs.that("reads"):
            read = _sampled(_chosen(backups, entry), entry)
            for names in left.values():
                names.difference_update(read)
        elif entry.operation in verbs.that("tests") and entry.result == "ok" and entry.facts.get("mode") == "scratch":
            # It was restored whole, out of its stored files.
            left.get(f"{entry.component}/{entry.backup_id}", set()).clear()
    return {key: len(names) for key, names in left.items()}


def proves(entry: Entry) -> bool:
    """Whether the entry is of a restore that was compared with the backup's proof, and was right."""
    compared = entry.facts.get("proof") not in {None, "none"}
    return entry.operation in verbs.that("tests") and entry.result == "ok" and bool(entry.backup_id) and compared


def _key(backup: Manifest) -> str:
    return f"{backup.component}/{backup.backup_id}"


def _chosen(backups: Sequence[Manifest], entry: Entry) -> list[Manifest]:
    """Give the backups that the verification listed: those of its scope that were there when it began."""
    began = entry.at - datetime.timedelta(seconds=entry.seconds)
    return [
        backup
        for backup in backups
        if backup.finished <= began
        and (not entry.component or entry.component in _scopes(backup.component))
        and (not entry.backup_id or backup.backup_id == entry.backup_id)
    ]


def _scopes(component: str) -> set[str]:
    return {component, repository.cluster_and_database(component)[0]}


def _sampled(backups: Sequence[Manifest], entry: Entry) -> set[str]:
    names = [file.name for backup in backups for file in backup.files]
    percent, read = entry.facts.get("sample", 100), entry.facts.get("files_read", len(names))
    if not isinstance(percent, int) or not isinstance(read, int) or percent >= 100 or not names:
        return set(names)
    began = entry.at - datetime.timedelta(seconds=entry.seconds)
    day = began.date().isoformat()
    wanted = min(max(1, len(names) * percent // 100), read)
    return set(sorted(names, key=lambda name: verification.rank(day, name))[:wanted])
