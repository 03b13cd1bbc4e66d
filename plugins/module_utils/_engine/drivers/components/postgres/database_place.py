# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database that was filled from a backup: compared with its proof, and asked what its users want to know."""

from __future__ import annotations

import contextlib
import functools
import typing as t

from ....ground.units import human_list
from ..base import Comparison
from . import checks, failed_objects, proof, wording
from .connection import connect
from .differences import major
from .plantings import none

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ....ground.progress import Phases
    from ..base import Check, Planting
    from .connection import Connection, Login
    from .differences import Difference, Name, Record
    from .layout import BackupContents
    from .wording import Empty


class DatabasePlace:
    """
    The database at `login`. What was `lost` is no difference, nor are objects of `ignored` kinds.

    `empty` reaches an empty database for what PostgreSQL may word otherwise, and `told` is what that says.
    """

    def __init__(
        self,
        login: Login,
        database: str,
        contents: BackupContents,
        lost: Collection[failed_objects.Loss] = (),
        *,
        ignored: Collection[str] = (),
        empty: Empty | None = None,
        phases: Phases | None = None,
        told: Sequence[str] = (),
    ) -> None:
        self.login = login
        self.database = database
        self.contents = contents.said
        self.warnings = tuple(str(loss) for loss in lost if loss.accepted)
        self._backup = contents
        self._lost = tuple(lost)
        self._ignored = ignored
        self._empty = empty
        self._phases = phases
        self._told = told
        self._opened = contextlib.ExitStack()
        self._proved: Record | None = None

    def compare(self) -> Comparison:
        """Take the proof again and compare it; what only PostgreSQL words otherwise is no difference."""
        if self._source["level"] == "none":
            return Comparison(tuple(map(str, self._refused)), (NO_PROOF,))
        with self._phases("proof") if self._phases else contextlib.nullcontext():
            self._proved = self._take()
            return self._compared(self._proved)

    def _take(self, known: Record | None = None, changed: Collection[Name] = ()) -> Record:
        like = self._source
        level, partial = like["level"], bool(like.get("partial"))
        return proof.take(
            self.login, self.database, None, level, like=like, partial=partial, known=known, changed=changed
        )

    def _compared(self, after: Record) -> Comparison:
        before = self._source
        found = proof.compare(before, after, ignored_kinds=self._ignored)
        again = wording.read_again(found, after, self._backup, self._empty) if self._empty else None
        found = [each for each in proof.excuse(found, again) if not failed_objects.excuses(self._lost, each)]
        differences = (*self._refused, *(each for each in found if not each.note))
        said = (*self._told, *told(found, before, after))
        return Comparison(tuple(map(str, differences)), said, tuple(_parts(before, after)))

    @property
    def _source(self) -> Record:
        """The proof that was taken with the backup."""
        found: Record = self._backup.detail["proof"]
        return found

    @property
    def _refused(self) -> tuple[Difference, ...]:
        return tuple(
            proof.Difference(loss.name, "missing", f"it could not be created: {loss.reason}. {ACCEPT}")
            for loss in self._lost
            if not loss.accepted
        )

    def ask(self, check: Check, timeout: float) -> dict[str, t.Any]:
        """Run one check. All of them share a session, which lasts until `close`."""
        return checks.run(self._session, check, timeout=timeout)

    def plantings(self) -> Iterator[Planting]:
        """Plant nothing: whose database it is, only its users know."""
        yield from none("Nothing is planted in a database that existed before.")

    def close(self) -> None:
        """End the session that was asked, if any was."""
        self._opened.close()

    @functools.cached_property
    def _session(self) -> Connection:
        return self._opened.enter_context(contextlib.closing(self._connect()))

    def _connect(self) -> Connection:
        """Open a session that may read."""
        return connect(self.login, self.database, read_only=True)


NO_PROOF = "The backup has no proof: it can be restored, but its data cannot be compared."
ACCEPT = "To restore without it, add this name to accept_failed (lifeboat_accept_failed)"


def _parts(before: dict[str, t.Any], after: dict[str, t.Any]) -> Iterator[dict[str, t.Any]]:
    """Yield each table of the proof with what was found of it."""
    found = {(entry["schema"], entry["name"]): entry for entry in after["tables"]}
    for entry in before["tables"]:
        here = found.get((entry["schema"], entry["name"]), {})
        summed = "sum" in entry and "sum" in here
        yield {
            "schema": entry["schema"],
            "name": entry["name"],
            "sort": entry["sort"],
            "rows": here.get("rows"),
            "rows_backed_up": entry.get("rows"),
            "content_equal": entry["sum"] == here["sum"] if summed else None,
        }


NAMED = 3
"""Objects that a sentence about several names."""

MAINTAIN = 17
"""The major from which the rights on a table include one to maintain it."""


def told(differences: Iterable[Difference], source: Record, restored: Record) -> list[str]:
    """Return the notes among the differences of two proofs as sentences, one for each reason."""
    alike: dict[tuple[str, str], list[Difference]] = {}
    for difference in differences:
        if difference.note:
            alike.setdefault((difference.what, difference.detail), []).append(difference)
    majors = (major(source), major(restored))
    return [_sentence(group, majors) for group in alike.values()]


def _sentence(group: list[Difference], majors: tuple[int, int]) -> str:
    first = group[0]
    if len(group) == 1:
        return str(first)
    names = human_list([difference.object for difference in group], NAMED)
    if first.what == "changed" and majors[0] != majors[1]:
        older, newer = sorted(majors)
        rights = f", and from {MAINTAIN} on grants have the right MAINTAIN" if older < MAINTAIN <= newer else ""
        cause = f"PostgreSQL {newer} describes {len(group)} objects differently from {older}{rights}"
        return f"{cause}: {names}"
    return f"{names}: {first.detail}"
