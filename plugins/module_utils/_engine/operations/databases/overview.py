# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What several backups came to: a table, a sentence, and what failed, with the same cause said once."""

from __future__ import annotations

import typing as t

from ...ground.printing import printable, shortened
from ...ground.units import human_count, human_duration, human_size

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...ground.errors import RecoveryError

HEADINGS = ("DATABASE", "RESULT", "STORED", "OF DATA", "ROWS", "TOOK", "BACKUP")

LONGEST_CAUSE = 100
"""Characters of a cause in the table; the failure's message has all of it."""

Facts = dict[str, t.Any]


def rows(backups: Iterable[Mapping[str, t.Any]], failures: Iterable[Mapping[str, t.Any]]) -> list[list[str]]:
    """Return the cells below HEADINGS, what failed first."""
    failed = [
        [failure["database"], "FAILED", "-", "-", "-", "-", shortened(failure["cause"], LONGEST_CAUSE)]
        for failure in failures
    ]
    return failed + [_row(backup) for backup in backups]


def _row(backup: Mapping[str, t.Any]) -> list[str]:
    stored, counted, seconds = backup["size"], backup["rows"], backup["seconds"] if backup["made"] else None
    data = backup["estimate"] if backup["plain_size"] is None else backup["plain_size"]
    return [
        backup["database"],
        _result(backup),
        "-" if stored is None else human_size(stored),
        "-" if data is None else human_size(data),
        "-" if counted is None else f"{counted:,}",
        "-" if seconds is None else human_duration(seconds),
        backup["backup_id"] or "-",
    ]


def _result(backup: Mapping[str, t.Any]) -> str:
    if not backup["backup_id"]:
        return "would back up"
    if not backup["made"]:
        return "young enough"
    return "SUSPICIOUS" if backup["suspicions"] else "backed up"


def summary(backups: Sequence[Mapping[str, t.Any]], failures: Sequence[object], seconds: float) -> str:
    """Return all of it in one sentence."""
    total = len(backups) + len(failures)
    planned = [backup for backup in backups if not backup["backup_id"]]
    if planned:
        size, parts = (sum(backup[name] for backup in planned) for name in ("estimate", "members"))
        said = f"Would back up {_of(len(planned), total)}: about {human_size(size)} of data in {parts} members"
    else:
        made = [backup for backup in backups if backup["made"]]
        said = f"{_of(len(made), total)} backed up"
        if made:
            stored, size = (sum(backup[name] for backup in made) for name in ("size", "plain_size"))
            said += f" in {human_duration(seconds)}: {human_size(size)} of data stored as {human_size(stored)}"
    young = sum(1 for backup in backups if not backup["made"])
    return said + (f"; {young} {'have' if young > 1 else 'has'} a recent enough backup." if young else ".")


def message(errors: Mapping[str, RecoveryError], total: int) -> tuple[str, str]:
    """Return cause and remedy of failures by database: what is the same of several is said once."""
    alike: dict[str, list[str]] = {}
    for name, error in errors.items():
        alike.setdefault(str(error), []).append(printable(name))
    said = " ".join(f"{', '.join(names)}: {text}" for text, names in alike.items())
    count = f"{len(errors)} of {total} databases {'were' if len(errors) > 1 else 'was'} not backed up."
    return count, said


def warnings(of: Mapping[str, Iterable[str]], total: int) -> list[str]:
    """
    Return warnings by database, of `total` that there are, as lines.

    Each is said once, with the databases that it is about unless these are all that anything is known of.
    """
    everywhere = len(of) if len(of) > 1 else total
    heard: dict[str, list[str]] = {}
    for name, said in of.items():
        for warning in said:
            heard.setdefault(warning, []).append(name)
    return [
        warning if len(names) == everywhere else f"{', '.join(map(printable, names))}: {warning}"
        for warning, names in heard.items()
    ]


def _of(count: int, total: int) -> str:
    return ("" if count == total else f"{count} of ") + human_count(total, "database")
