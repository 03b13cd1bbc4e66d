# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of backups as lines for a terminal and a log: by database, those in trouble first."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ...ground.printing import printable
from ...ground.units import human_count, human_duration, human_size

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ...records.repository.catalogue import IntegrityProblem
    from ..wal.watching import LogStatus

FEW = 3
"""Backups that are shown of each of several databases."""

Row = dict[str, t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Missing:
    """A database that its server has and that has no backup."""

    cluster: str
    database: str


def lines(
    rows: Iterable[Row],
    latest: Mapping[str, Row],
    problems: Sequence[IntegrityProblem],
    missing: Sequence[Missing],
    *,
    now: datetime.datetime,
    limit: int | None = None,
) -> list[str]:
    """
    Return the lines. `latest` is the newest of the rows by component, where one counts as that; `limit` is how many
    backups of each database are shown, the newest; 0 means all.

    Without it, all of one database, and a few of each of several.
    """
    by_database: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_database.setdefault((row["cluster"], row["database"]), []).append(row)
    if limit is None:
        limit = 0 if len(by_database) + len(missing) <= 1 else FEW
    said = [f"PROBLEM  {printable(problem.sentence)}" for problem in problems]
    said += [
        f"NO BACKUP  {_name(each.cluster, each.database)}: exists on the server, without a full backup in the store."
        for each in missing
    ]
    newest = {name: latest.get(own[0]["component"]) for name, own in by_database.items()}
    for name, own in sorted(by_database.items(), key=lambda group: (not _troubled(newest[group[0]]), group[0])):
        said += _group(name, own, newest[name], now, limit)
    return said if by_database or missing else [*said, "no backups"]


def of_log(log: LogStatus) -> Iterator[str]:
    """Yield the lines about an archived log."""
    name = printable(f"{log.cluster} / write-ahead log")
    if log.since and log.until:
        yield f"{name}: any moment from {_moment(log.since)} to {_moment(log.until)} UTC can be recovered"
    else:
        yield f"{name}: no backup can be recovered with it"
    yield from (f"  PROBLEM  {printable(problem)}" for problem in log.problems)


def _moment(at: datetime.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _group(
    name: tuple[str, str], own: Sequence[Row], newest: Row | None, now: datetime.datetime, limit: int
) -> Iterator[str]:
    shown = own[-limit:] if limit else own
    total = human_size(sum(row["size"] for row in own))
    age = f"the newest {_age(newest, now)} old" if newest else "none of them counts as the latest"
    yield f"{_name(*name)}: {human_count(len(own), 'backup')}, {total}, {age}"
    for row in reversed(shown):
        yield (
            f"  {row['finished'][:16].replace('T', ' ')} UTC  "
            f"{human_size(row['size'])} ({human_size(row['plain_size'])} of data) in {human_duration(row['seconds'])}  "
            f"{row['scope']}, {row['reason']}, proof {row['proof']}{_marks(row)}  {row['backup_id']}"
        )
        yield from (f"    SUSPICIOUS  {printable(cause)}" for cause in row["suspicions"])
    if len(shown) < len(own):
        yield f"  and {len(own) - len(shown)} older"


def _troubled(newest: Row | None) -> bool:
    """Whether somebody should look at this database first."""
    return newest is None or bool(newest["suspicions"])


def _age(row: Mapping[str, t.Any], now: datetime.datetime) -> str:
    seconds = (now - datetime.datetime.fromisoformat(row["finished"])).total_seconds()
    return human_duration(max(seconds, 0.0))


def _name(cluster: str, database: str) -> str:
    return printable(f"{cluster} / {database}")


def _marks(row: Mapping[str, t.Any]) -> str:
    shown = {"restore-tested": row["restore_tested"], "pinned": row["pinned"], "on hold": row["held"]}
    return "".join(f", {word}" for word, stands in shown.items() if stands)
