# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What no manifest lists: what killed runs left, and backups whose manifest somebody hid.

One is to be collected and the other to be kept, so whatever speaks for a backup makes it hidden: that it lies there
whole, that it has marks, that this host made it.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ...records.repository import evidence
from ...records.repository import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...drivers.stores.base import ObjectInfo
    from ...records.repository import marks
    from ...records.repository.catalogue import Repository

TOMBSTONES = datetime.timedelta(days=366)
"""How long the marks of what expired stay, so that every host learns that its backup was not lost but let go."""


@dataclasses.dataclass(frozen=True, slots=True)
class Leftover:
    """
    Objects of one backup id that no manifest lists. `expired`: a signed mark says that this backup was let go.

    Without that they are an upload that never ended, or belong to a backup whose manifest somebody hid: they are
    `hidden` then, and stay. `stays` says why others stay.
    """

    backup_id: str
    objects: tuple[ObjectInfo, ...]
    expired: bool
    hidden: bool = False
    stays: str = ""

    @property
    def newest(self) -> datetime.datetime:
        """When the store took the last of them."""
        return max(info.modified for info in self.objects)


def find(  # noqa: PLR0917
    opened: Repository,
    unlisted: set[str],
    objects: Mapping[str, list[ObjectInfo]],
    marked: Mapping[str, list[ObjectInfo]],
    said: Mapping[str, marks.Marks],
    now: datetime.datetime,
    old: datetime.datetime,
) -> list[Leftover]:
    """Return what no manifest lists, without what can still be under way."""
    application, made_here = opened.application, remembered(opened)
    found = []
    for identity in sorted(unlisted):
        left = (*objects.get(identity, ()), *_removable(application, marked.get(identity, ()), now))
        expired = identity in said and said[identity].expired
        hidden = not expired and (identity in made_here or _looks_whole(application, identity, left))
        one = Leftover(identity, left, expired, hidden)
        if left and one.newest < (now - evidence.GRACE if hidden else old):
            found.append(one)
    return found


def names(
    opened: Repository, leftovers: Iterable[Leftover], said: Mapping[str, marks.Marks], components: set[str]
) -> dict[str, str]:
    """Return the names under which the store would hold what shows that a leftover is none, each with its backup id."""
    application = opened.application
    found: dict[str, str] = {}
    for one in leftovers:
        identity = one.backup_id
        if one.expired:
            places = {mark.component for mark in said[identity].of("expired")}
        elif not one.hidden:
            places = components
            found[repository.detail(application, identity, "detail")] = identity
        else:
            continue
        found |= {repository.manifest(application, place, identity): identity for place in places}
    return found


def remembered(opened: Repository) -> dict[str, str]:
    """Return the component of each backup that this host made."""
    return {receipt.backup_id: receipt.component for receipt in opened.receipts.of(opened.application)}


def _looks_whole(application: str, identity: str, objects: Iterable[ObjectInfo]) -> bool:
    """Whether what lies there was a backup: its detail is stored last, and only what was listed gets marks."""
    detail = repository.detail(application, identity, "detail")
    names = [info.name for info in objects]
    parsed = [repository.parse_mark(application, name) for name in names]
    marked = any(found is not None and found[1] in repository.PROTECTING_MARKS for found in parsed)
    return detail in names or (marked and None in parsed)


def _removable(application: str, infos: Iterable[ObjectInfo], now: datetime.datetime) -> list[ObjectInfo]:
    """Return the marks that may go of an id that no manifest has; its tombstone stays for a year."""
    return [info for info in infos if not is_tombstone(application, info) or info.modified < now - TOMBSTONES]


def is_tombstone(application: str, info: ObjectInfo) -> bool:
    """Whether this is the mark that a backup expired."""
    parsed = repository.parse_mark(application, info.name)
    return parsed is not None and parsed[1] == "expired"
