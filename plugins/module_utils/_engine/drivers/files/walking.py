# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What is in a tree, in one order for one tree, whatever order the file system lists it in.

A directory comes before what is in it, its other entries before its directories, each sorted by bytes. No link is
followed and no full path is resolved twice: everything is reached from an open directory. Sockets, pipes and devices
have no contents to keep: they are left out and `warn` is told.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import stat
import typing as t

from ...ground import disk
from ...ground.errors import UsageError
from . import names

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .selection import Selection


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """Something found: its name in the archive, and where it is: `own` in the open directory `parent`."""

    name: bytes
    own: bytes
    parent: int
    info: os.stat_result


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """
    A tree by its inodes: a hash over them, the newest change of one in nanoseconds, and what there is of them.

    No program can set an inode's change time, so equal hashes mean equal contents, unless a change fell into the same
    tick of the clock as the reading: for that the caller compares the newest change with its own start.
    """

    digest: str
    newest: int
    members: int
    bytes: int


class Tree:
    """
    What is to be packed: one file, one directory whose contents it is, or several of either beside each other.

    A given path that is itself a symbolic link stands for what it points to; links below it are kept as links.
    """

    def __init__(self, paths: Sequence[str], selection: Selection, warn: Callable[[str], None]) -> None:
        """Raise UsageError for a path that does not exist, is given twice, or is neither file nor directory."""
        if not paths:
            raise UsageError("No path to archive is set.", "Set at least one path.", field="path")
        self._selection = selection
        self._warn = warn
        self._given = [(os.fsencode(path), _look(path)) for path in paths]
        self.lone_file = len(paths) == 1 and stat.S_ISREG(self._given[0][1].st_mode)
        own = [_own_name(path) for path, _info in self._given]
        for name in own:
            if own.count(name) > 1:
                raise UsageError(
                    f"Two of the paths end in {names.shown(name)}, and names in an archive must be unique.",
                    "Archive them separately, or archive a directory above both.",
                    field="path",
                )

    def entries(self) -> Iterator[Entry]:
        """Yield everything in the one order. An entry's `parent` is open until the next one is asked for."""
        if len(self._given) == 1 and not self.lone_file:
            yield from self._walk(self._given[0][0], names.ROOT)
            return
        if not self.lone_file:
            yield self._common_root()
        for path, info in sorted(self._given, key=lambda given: _own_name(given[0])):
            if stat.S_ISDIR(info.st_mode):
                yield from self._walk(path, _own_name(path))
            else:
                yield from self._file(path)

    def holds(self, path: str) -> bool:
        """Whether `path` lies in one of the directories."""
        place = os.path.realpath(os.fsencode(path))
        roots = [os.path.realpath(given) for given, info in self._given if stat.S_ISDIR(info.st_mode)]
        return any(os.path.commonpath((place, root)) == root for root in roots)

    def is_source(self, path: str) -> bool:
        """Whether `path` is one of the files themselves."""
        return any(os.path.realpath(os.fsencode(path)) == os.path.realpath(given) for given, _info in self._given)

    def listing(self) -> Listing:
        """Look at every inode, and read no file."""
        digest, newest, members = hashlib.sha256(), 0, 0
        sizes: dict[tuple[int, int], int] = {}
        for entry in self.entries():
            info = entry.info
            fields: tuple[object, ...] = (entry.name, info.st_mode, info.st_uid, info.st_gid)
            if not stat.S_ISDIR(info.st_mode):
                fields += (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
                newest = max(newest, info.st_ctime_ns)
            if stat.S_ISREG(info.st_mode):
                # A file of several names is packed once.
                sizes[info.st_dev, info.st_ino] = info.st_size
            digest.update(repr(fields).encode("ascii"))
            members += 1
        return Listing(digest.hexdigest(), newest, members, sum(sizes.values()))

    def _walk(self, path: bytes, prefix: bytes) -> Iterator[Entry]:
        with names.explained(path):
            root = os.open(os.path.realpath(path), names.DIRECTORY)
        with disk.closing(root), contextlib.closing(names.Ladder(root)) as ladder:
            pending = [names.ROOT]
            while pending:
                place = pending.pop()
                name = prefix if place == names.ROOT else names.below(prefix, place)
                with names.steady(path, place):
                    handle = ladder.open(place)
                    yield Entry(name, b".", handle, os.fstat(handle))
                    inner = yield from self._entries_of(handle, name, place, path)
                pending += [names.below(place, own) for own in reversed(inner)]

    def _entries_of(self, handle: int, name: bytes, place: bytes, path: bytes) -> t.Generator[Entry, None, list[bytes]]:
        """Yield a directory's entries, and return the names of the directories among them."""
        inner = []
        for own in sorted(os.fsencode(item) for item in os.listdir(handle)):
            if self._selection.leaves_out(names.below(place, own), own):
                continue
            with names.steady(path, names.below(place, own)):
                info = os.stat(own, dir_fd=handle, follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                inner.append(own)
            elif stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode):
                yield Entry(names.below(name, own), own, handle, info)
            else:
                left_out = names.shown(os.path.join(path, names.below(place, own)))
                self._warn(f"{left_out} is a socket, pipe or device, and was skipped.")
        return inner

    def _file(self, path: bytes) -> Iterator[Entry]:
        place = os.path.realpath(path)
        with names.explained(path):
            parent = os.open(os.path.dirname(place), names.DIRECTORY)
        with disk.closing(parent):
            with names.steady(path):
                info = os.stat(os.path.basename(place), dir_fd=parent, follow_symlinks=False)
            yield Entry(_own_name(path), os.path.basename(place), parent, info)

    def _common_root(self) -> Entry:
        """The directory above several paths exists only in the archive: private, and as old as the newest of them."""
        newest = max(info.st_mtime_ns for _path, info in self._given)
        fields = (stat.S_IFDIR | 0o700, 0, 0, 2, os.geteuid(), os.getegid(), 0, 0, 0, 0)
        return Entry(names.ROOT, b".", -1, os.stat_result(fields, {"st_mtime_ns": newest, "st_ctime_ns": newest}))


def _own_name(path: bytes) -> bytes:
    own = os.path.basename(os.path.abspath(path))
    return own or b"root"


def _look(path: str) -> os.stat_result:
    try:
        info = os.stat(path)
    except FileNotFoundError as exc:
        raise UsageError(
            f"{names.shown(path)} does not exist.", "Correct the path, or remove it from the list.", field="path"
        ) from exc
    except OSError as exc:
        raise UsageError(
            f"{names.shown(path)} cannot be read: {exc.strerror}.",
            "Make it readable for the user who runs this.",
            field="path",
        ) from exc
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode)):
        raise UsageError(
            f"{names.shown(path)} is neither a file nor a directory.", "Set a file or a directory.", field="path"
        )
    return info
