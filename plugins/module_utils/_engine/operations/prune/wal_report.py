# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What retention says about a write-ahead log: each range with its reason, as facts, as lines, and as warnings."""

from __future__ import annotations

import itertools
import typing as t

from ...drivers.components.postgres import wal_files
from ...ground.units import human_count, human_size

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...records.retention.wal_planner import ServerPlan, Single
    from .removal import Removed


class _Part(t.NamedTuple):
    """Objects of one server that stay or go together; `first` and `last` are names of files."""

    system_identifier: str
    action: str
    first: str
    last: str
    objects: int
    size: int
    reason: str


def facts(plans: Iterable[ServerPlan], removed: Removed) -> dict[str, t.Any]:
    """Return what became of the log, for machines."""
    parts = [part for one in plans for part in _parts(one)]
    return {
        "deleted": len(removed.log),
        "kept": sum(part.objects for part in parts if part.action == "keep"),
        "bytes_freed": sum(removed.log),
        "gaps": [gap for one in plans for gap in _gaps(one)],
        "reasons": [part._asdict() for part in parts],
    }


def before(plans: Iterable[ServerPlan]) -> list[str]:
    """Return what is there of the log, line by line as `table` has it."""
    return [f"listed    {_what(part)}" for one in plans for part in _parts(one)]


def table(plans: Iterable[ServerPlan]) -> list[str]:
    """Return each range as a line for people."""
    return [f"{part.action:<8}  {_what(part)}: {part.reason}" for one in plans for part in _parts(one)]


def warnings(plans: Iterable[ServerPlan]) -> list[str]:
    """Say what stays although it may not have to, and what is missing."""
    said = []
    for one in plans:
        server = one.archive.system_identifier
        if one.limited:
            said.append(
                f"The WAL of server {server} is kept: {one.refused}. Check the list; if it may be deleted, set "
                "force: true once."
            )
        elif one.unsure:
            said.append(f"The WAL of server {server} is kept: {one.refused}.")
        said += [
            f"Of the WAL of server {server}, {human_count(gap['objects'], 'segment')} from {gap['first']} on "
            "are missing: no recovery gets past them."
            for gap in _gaps(one)
        ]
    return said


def _parts(one: ServerPlan) -> Iterator[_Part]:
    """Yield the ranges of a server, and what else there is of it by reason."""
    server, size = one.archive.system_identifier, one.archive.segment_size
    for part in one.ranges:
        first, last = (wal_files.segment(part.timeline, number, size) for number in (part.first, part.last))
        yield _Part(server, _action(part.goes), first, last, part.segments, part.size, part.reason)

    def alike(single: Single) -> tuple[bool, str]:
        return single.goes, single.reason

    for (goes, reason), group in itertools.groupby(sorted(one.singles, key=alike), alike):
        singles = list(group)
        first, last = (single.name.rpartition("/")[2].removesuffix(".lbx") for single in (singles[0], singles[-1]))
        yield _Part(server, _action(goes), first, last, len(singles), sum(each.size for each in singles), reason)


def _gaps(one: ServerPlan) -> Iterator[dict[str, t.Any]]:
    size = one.archive.segment_size
    for gap in one.gaps:
        yield {
            "system_identifier": one.archive.system_identifier,
            "first": wal_files.segment(gap.timeline, gap.first, size),
            "last": wal_files.segment(gap.timeline, gap.last, size),
            "objects": gap.last - gap.first + 1,
        }


def _action(goes: bool) -> str:
    return "delete" if goes else "keep"


def _what(part: _Part) -> str:
    until = f" to {part.last}" if part.last != part.first else ""
    size = f"{human_count(part.objects, 'file')}, {human_size(part.size)}"
    return f"WAL of {part.system_identifier}  {part.first}{until}  ({size})"
