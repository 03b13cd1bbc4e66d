# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A tree as a tar stream, made while it is read, in bounded memory.

An entry that vanishes or changes while it is read ends the stream with an error that names it, so a half of a file
never looks like the whole of one. Files with several names are stored once and linked.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import typing as t

from ...ground import disk
from ...ground.streams import exactly
from . import names, tar
from .safety import Links

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .identity import Identity
    from .walking import Entry, Tree

# O_NONBLOCK: a file that became a pipe since it was listed must not hold us up.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Packer:
    """One run over a tree: iterate it once. Then `members`, `bytes` and `links` are what it held."""

    def __init__(self, tree: Tree, identity: Identity) -> None:
        self._tree = tree
        self._identity = identity
        self._linked: dict[tuple[int, int], bytes] = {}
        self.links = Links()
        self.members = 0
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        return exactly(tar.PIECE, self._stream())

    def _stream(self) -> Iterator[bytes]:
        for entry in self._tree.entries():
            self.members += 1
            if stat.S_ISREG(entry.info.st_mode):
                yield from self._regular(entry)
            else:
                yield self._header(self._described(entry))
        yield bytes(tar.TRAILER)

    def _regular(self, entry: Entry) -> Iterator[bytes]:
        inode = (entry.info.st_dev, entry.info.st_ino)
        if inode in self._linked:
            member = dataclasses.replace(self._described(entry), kind=tar.HARD_LINK, target=self._linked[inode])
            yield self._header(dataclasses.replace(member, size=0))
            return
        if entry.info.st_nlink > 1:
            self._linked[inode] = entry.name
        with names.steady(entry.name):
            handle = os.open(entry.own, _READ, dir_fd=entry.parent)
        with disk.closing(handle):
            before = os.fstat(handle)
            if (before.st_dev, before.st_ino) != inode or not stat.S_ISREG(before.st_mode):
                raise names.changed(entry.name, "was replaced")
            yield self._header(_member(entry.name, tar.FILE, before))
            yield from self._identity.contents(_read(handle, entry.name, before))
            yield tar.padding(before.st_size)
            self.bytes += before.st_size

    def _described(self, entry: Entry) -> tar.Member:
        if stat.S_ISDIR(entry.info.st_mode):
            return _member(entry.name, tar.DIRECTORY, entry.info)
        if stat.S_ISREG(entry.info.st_mode):
            return _member(entry.name, tar.FILE, entry.info)
        with names.steady(entry.name):
            target = os.fsencode(os.readlink(entry.own, dir_fd=entry.parent))
        self.links.add(entry.name, target)
        return dataclasses.replace(_member(entry.name, tar.SYMBOLIC_LINK, entry.info), target=target)

    def _header(self, member: tar.Member) -> bytes:
        self._identity.member(member)
        return tar.encode(member)


def _member(name: bytes, kind: bytes, info: os.stat_result) -> tar.Member:
    return tar.Member(
        name=name,
        kind=kind,
        mode=stat.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        mtime=info.st_mtime_ns,
        size=info.st_size if kind == tar.FILE else 0,
    )


def _read(handle: int, name: bytes, before: os.stat_result) -> Iterator[bytes]:
    """Yield as many bytes as the header says. Raise Busy when the file is not the same before and after."""
    left = before.st_size
    while left:
        with names.explained(name):
            piece = os.read(handle, min(left, tar.PIECE))
        if not piece:
            raise names.changed(name, "became shorter")
        left -= len(piece)
        yield piece
    after = os.fstat(handle)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise names.changed(name, "changed")
