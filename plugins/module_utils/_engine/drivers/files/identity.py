# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
When two trees count as the same: one hash over everything that matters to the question asked.

A directory's time never counts, since a file that came and went changes it. An archive and its source are compared
with owners, modes and times of files; an archive and the place it was opened to by what opening would set there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from . import tar

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SET_ID_BITS = 0o6000


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """What of a member's metadata counts: its owner, its set-user-id and set-group-id bits, and its time."""

    owners: bool = True
    set_id: bool = True
    times: bool = True

    def mode(self, member: tar.Member) -> int:
        """Return the permission bits that count."""
        return member.mode & (0o7777 if self.set_id else 0o7777 & ~SET_ID_BITS)


class Identity:
    """The hash of a tree, fed member by member."""

    def __init__(self, rules: Rules, *, unnamed: bool = False) -> None:
        """With `unnamed` the names of members don't count: for an archive of one file, which may be opened as any."""
        self._rules = rules
        self._unnamed = unnamed
        self._hash = hashlib.sha256()

    def member(self, member: tar.Member) -> None:
        """Add a member. Its contents follow through `contents`."""
        rules = self._rules
        linked = member.kind == tar.HARD_LINK
        seen = tar.Member(
            name=b"-" if self._unnamed else member.name,
            kind=member.kind,
            mode=0 if linked or member.kind == tar.SYMBOLIC_LINK else rules.mode(member),
            uid=member.uid if rules.owners and not linked else 0,
            gid=member.gid if rules.owners and not linked else 0,
            mtime=member.mtime if rules.times and member.kind == tar.FILE else 0,
            size=member.size,
            target=member.target,
        )
        self._hash.update(tar.encode(seen))

    def contents(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Add the contents of the last member, and yield them unchanged."""
        for chunk in chunks:
            self._hash.update(chunk)
            yield chunk

    @property
    def hexdigest(self) -> str:
        """The hash of all that was added, in hex."""
        return self._hash.hexdigest()
