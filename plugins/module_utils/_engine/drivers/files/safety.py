# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What an archive's members may be called and may point to, whoever wrote it.

A signature says who sealed an archive, not what he put into it. So names stay below the root, every parent is a
directory that came before, no name comes twice, a hard link names a file of the archive, and a symbolic link leads
out of it only when that was asked for.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import UsageError
from . import names, tar

if t.TYPE_CHECKING:
    from collections.abc import Iterator

NAME_BYTES = 255
PATH_BYTES = 64 << 10
TARGET_BYTES = 4095
LINKS_FOLLOWED = 40
"""As many as the kernel follows before it gives up."""

MEMBERS = 10_000_000
"""Members that an archive may hold unless more are allowed: their names are kept in memory."""

LARGEST_ID = (1 << 32) - 2


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold before opening it stops. None: as much as the disk takes."""

    members: int = MEMBERS
    bytes: int | None = None


class Links:
    """The symbolic links of a tree, and which of them lead out of it."""

    def __init__(self) -> None:
        self._targets: dict[bytes, bytes] = {}

    def add(self, name: bytes, target: bytes) -> None:
        """Remember a link."""
        self._targets[name] = target

    def outside(self) -> Iterator[bytes]:
        """Yield the names of links that reach outside, by themselves or through other links of the tree."""
        return (name for name, target in self._targets.items() if self._leaves(name, target))

    def _leaves(self, name: bytes, target: bytes) -> bool:
        # Lexical cleaning is not enough: in "x/../../etc" the first step can be a link to somewhere deeper or higher.
        place = name.split(b"/")[:-1]
        steps = target.split(b"/")[::-1]
        followed = 1
        if target.startswith(b"/"):
            return True
        while steps:
            step = steps.pop()
            if step == b"..":
                if not place:
                    return True
                place.pop()
            elif step not in {b"", b"."}:
                place.append(step)
                onward = self._targets.get(b"/".join(place))
                if onward is not None:
                    followed += 1
                    if onward.startswith(b"/"):
                        return True
                    if followed > LINKS_FOLLOWED:
                        return False  # a circle leads nowhere
                    place.pop()
                    steps += onward.split(b"/")[::-1]
        return False


class Guard:
    """Admits the members of one archive, one after another. `members`, `bytes` and `lone_file` say what it saw."""

    def __init__(self, limits: Limits, *, outside_links: bool = False) -> None:
        self._limits = limits
        self._outside_links = outside_links
        self._links = Links()
        self._directories: set[bytes] = set()
        self._files: set[bytes] = set()
        self._linked: set[bytes] = set()
        self.members = 0
        self.bytes = 0
        self.lone_file = False

    def admit(self, member: tar.Member) -> None:
        """Raise Tampered for a member that no archive of ours has, UsageError for one that is over a limit."""
        self._count(member)
        if self.members == 1:
            self._first(member)
        elif self.lone_file:
            raise tar.refused("contains more than the one file that it begins with")
        else:
            self._check_name(member.name)
        if member.uid > LARGEST_ID or member.gid > LARGEST_ID:
            raise tar.refused(f"gives {names.shown(member.name)} an owner that cannot exist")
        if member.kind == tar.DIRECTORY:
            self._directories.add(member.name)
        elif member.kind == tar.FILE:
            self._files.add(member.name)
        else:
            self._check_link(member)
            self._linked.add(member.name)

    def finish(self) -> None:
        """Check what only the whole shows."""
        if not self.members:
            raise tar.refused("is empty")
        outside = next(self._links.outside(), None)
        if outside is not None and not self._outside_links:
            raise UsageError(
                f"The archive contains a symbolic link that points outside: {names.shown(outside)}.",
                "Check the list of its members, and set outside_links: true if the links are intended.",
                field="outside_links",
                member=names.shown(outside),
            )

    def _count(self, member: tar.Member) -> None:
        self.members += 1
        self.bytes += member.size
        if self.members > self._limits.members:
            raise _too_much(f"more than {self._limits.members} members", "max_members")
        if self._limits.bytes is not None and self.bytes > self._limits.bytes:
            raise _too_much(f"more than {self._limits.bytes} bytes", "max_bytes")

    def _first(self, member: tar.Member) -> None:
        """A tree begins with its root. Anything else is an archive of one file."""
        self.lone_file = member.kind == tar.FILE
        if self.lone_file:
            _check_parts(member.name, [member.name])
            if b"/" in member.name:
                raise tar.refused(f"holds one file with the path {names.shown(member.name)}")
        elif member.kind != tar.DIRECTORY or member.name != names.ROOT:
            raise tar.refused("does not begin with its root directory")

    def _check_name(self, name: bytes) -> None:
        if len(name) > PATH_BYTES:
            raise tar.refused("holds a name that is too long")
        parent, own = names.split(name)
        # The parts of a directory that is known were checked when it came; all of them each time would be quadratic.
        _check_parts(name, [own] if parent in self._directories else name.split(b"/"))
        if parent not in self._directories:
            raise tar.refused(f"holds {names.shown(name)}, whose parent is no directory of it")
        if name in self._directories or name in self._files or name in self._linked:
            raise tar.refused(f"holds {names.shown(name)} twice")

    def _check_link(self, member: tar.Member) -> None:
        target = member.target
        if not target or b"\0" in target:
            raise tar.refused(f"holds the link {names.shown(member.name)}, which names nothing")
        if member.kind == tar.HARD_LINK:
            if target not in self._files:
                raise tar.refused(f"holds the hard link {names.shown(member.name)} to something that is no file of it")
            return
        if len(target) > TARGET_BYTES:
            raise tar.refused(f"holds the link {names.shown(member.name)}, whose target is too long")
        self._links.add(member.name, target)


def _check_parts(name: bytes, parts: list[bytes]) -> None:
    if b"\0" in name or any(part in {b"", b".", b".."} or len(part) > NAME_BYTES for part in parts):
        raise tar.refused(f"holds a member with the name {names.shown(name[:NAME_BYTES])!r}, which is refused")


def _too_much(what: str, field: str) -> UsageError:
    return UsageError(
        f"The archive holds {what}, which is more than the limit.",
        "Raise the limit if the archive is expected to be that large.",
        field=field,
    )
