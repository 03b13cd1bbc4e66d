# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Members of an archive become files below one directory that nobody else can enter.

Everything is created through descriptors of directories that were reached without following a link, create-only,
and private until it is whole. Links are made when the whole stream has been read and so authenticated; directories
get their modes and times last, from the innermost up.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ...ground import disk
from . import names, tar

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .identity import Rules
    from .safety import Guard

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Extractor:
    """
    Makes the tree, or the one file, of an archive as the entry `own` of the open directory `staging`.

    `rules` say which metadata is set; `shown_as` is what errors call the place.
    """

    def __init__(self, staging: int, own: bytes, rules: Rules, guard: Guard, shown_as: str) -> None:
        self._staging = staging
        self._own = own
        self._rules = rules
        self._guard = guard
        self._shown_as = os.fsencode(shown_as)
        self._ladder = names.Ladder(staging)
        self._targets = names.Ladder(staging)
        self.set_id_removed = 0

    def extract(self, chunks: Iterable[bytes]) -> None:
        """Read `chunks` to their end. Raises what the reader, the guard and the disk raise; the caller clears up."""
        self.extract_members(tar.read_members(chunks))

    def extract_members(self, members: Iterable[tuple[tar.Member, Iterator[bytes]]]) -> None:
        """Do the same with what `tar.read_members` yields."""
        directories: list[tar.Member] = []
        links: list[tar.Member] = []
        with contextlib.closing(self._ladder), contextlib.closing(self._targets):
            for member, contents in members:
                self._guard.admit(member)
                with names.explained(self._place(member)):
                    if member.kind == tar.DIRECTORY:
                        self._make_directory(member)
                        directories.append(member)
                    elif member.kind == tar.FILE:
                        self._make_file(member, contents)
                    else:
                        links.append(member)
            self._guard.finish()
            self._make_links(links)
            for member in reversed(directories):
                with names.explained(self._place(member)):
                    self._finish_directory(member)

    def _make_directory(self, member: tar.Member) -> None:
        parent, own = self._parent(member.name)
        os.mkdir(own, 0o700, dir_fd=parent)

    def _make_file(self, member: tar.Member, contents: Iterator[bytes]) -> None:
        parent, own = self._parent(member.name)
        with disk.closing(os.open(own, _CREATE, 0o600, dir_fd=parent)) as handle:
            for piece in contents:
                disk.write_all(handle, piece)
            self._set_metadata(handle, member)

    def _make_links(self, links: list[tar.Member]) -> None:
        # Symbolic links come last of all: until then no component of any path can be one.
        for member in links:
            if member.kind == tar.HARD_LINK:
                with names.explained(self._place(member)):
                    self._make_hard_link(member)
        for member in links:
            if member.kind == tar.SYMBOLIC_LINK:
                with names.explained(self._place(member)):
                    self._make_symbolic_link(member)

    def _make_hard_link(self, member: tar.Member) -> None:
        source, source_own = names.split(member.target)
        there = self._targets.open(names.below(self._own, source))
        parent, own = self._parent(member.name)
        os.link(source_own, own, src_dir_fd=there, dst_dir_fd=parent, follow_symlinks=False)

    def _make_symbolic_link(self, member: tar.Member) -> None:
        parent, own = self._parent(member.name)
        os.symlink(member.target, own, dir_fd=parent)
        if self._rules.owners:
            os.chown(own, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
        os.utime(own, ns=(member.mtime, member.mtime), dir_fd=parent, follow_symlinks=False)

    def _finish_directory(self, member: tar.Member) -> None:
        parent, own = self._parent(member.name)
        with disk.closing(os.open(own, names.DIRECTORY, dir_fd=parent)) as handle:
            self._set_metadata(handle, member)

    def _set_metadata(self, handle: int, member: tar.Member) -> None:
        mode = self._rules.mode(member)
        self.set_id_removed += mode != member.mode & 0o7777
        if self._rules.owners:
            os.fchown(handle, member.uid, member.gid)
        os.fchmod(handle, mode)  # after the owner, whose change clears the set-id bits
        os.utime(handle, ns=(member.mtime, member.mtime))

    def _parent(self, name: bytes) -> tuple[int, bytes]:
        """Return the open directory that a member lies in, and its name there."""
        if name == names.ROOT or self._guard.lone_file:
            return self._staging, self._own
        parent, own = names.split(name)
        return self._ladder.open(names.below(self._own, parent)), own

    def _place(self, member: tar.Member) -> bytes:
        lone = member.name == names.ROOT or self._guard.lone_file
        return self._shown_as if lone else self._shown_as + b"/" + member.name
