# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What speaks against a listing of manifests: files of backups that it does not list.

The encrypted detail is stored after all members and right before the manifest, so where it is, a backup was as good as
done. Nothing removes a manifest but retention, which says so by a mark first.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ...ground.errors import InconsistentStore
from . import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ...drivers.stores.base import ObjectInfo

GRACE = datetime.timedelta(hours=1)
"""For how long files without a manifest may belong to a backup that is under way."""

ADVICE = (
    "Restore its manifest from where it was moved, an earlier version, or a replica. If that backup was never "
    "finished, remove its files by hand."
)


@dataclasses.dataclass(frozen=True, slots=True)
class Unlisted:
    """Ids of backups whose files are there and whose manifests are not listed; `complete` are those with a detail."""

    complete: frozenset[str]
    partial: frozenset[str]


def unlisted(application: str, files: Iterable[ObjectInfo], known: Collection[str], now: datetime.datetime) -> Unlisted:
    """Return what of these files belongs to no known backup, and to none that can be under way."""
    newest: dict[str, datetime.datetime] = {}
    complete: set[str] = set()
    for info in files:
        identity = repository.owner(application, info.name)
        if identity is None or identity in known:
            continue
        newest[identity] = max(newest.get(identity, info.modified), info.modified)
        if info.name == repository.detail(application, identity, "detail"):
            complete.add(identity)
    settled = {identity for identity, modified in newest.items() if modified < now - GRACE}
    return Unlisted(frozenset(settled & complete), frozenset(settled - complete))


def hidden(identity: str) -> str:
    """Say what is wrong with a complete backup that no manifest lists."""
    return f"{identity} is stored completely, but no manifest lists it: the manifest is hidden or was removed. {ADVICE}"


def nothing_listed(url: str, what: str, stored: int, remembered: int) -> InconsistentStore:
    """Return the error for a listing that shows no backup at all, while so many must be there."""
    seen = [f"contains the files of {stored} that no manifest lists"] if stored else []
    seen += [f"received {remembered} from this host"] if remembered else []
    return InconsistentStore(
        f"{url} lists no backup of {what}, but {' and '.join(seen)}.",
        f"Find out why {what}'s manifests are missing (moved, not mounted, removed, no right to list), and restore "
        "them; if none was ever finished, or they were removed on purpose, make a backup now.",
        stored=stored,
        remembered=remembered,
    )
