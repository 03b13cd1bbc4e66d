# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The copy of a server that a recovery works on, beside its data directory, until it takes that one's place.

It is made by root and belongs to the server's user when it is whole. A run that was interrupted finds it again, and
what it says to be whole. It lies in a directory of that user, who can exchange it at any time: root changes nothing
through a path that he may have exchanged, and believes only what root made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import stat
import typing as t

from ...drivers.components.postgres import base_copy
from ...drivers.files import names, tar
from ...drivers.files.identity import Rules
from ...drivers.files.safety import Guard, Limits
from ...drivers.files.staging import sync_file_system
from ...drivers.files.unpacking import Extractor
from ...ground import disk
from ...ground.errors import DatabaseError, NotFound

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from ...drivers.components.postgres.recovering_server import Owner
    from ...drivers.components.postgres.server import Programs

_RULES = Rules(owners=False, set_id=False)


class Stage:
    """The directory in which `data`, what the server needs to recover it, and what feeds it lie beside each other."""

    def __init__(self, data_directory: str, token: str, owner: Owner) -> None:
        self._own = f".lifeboat-{token}"
        self.directory = f"{os.path.normpath(data_directory)}{self._own}"
        self.data = os.path.join(self.directory, "data")
        self.feed = os.path.join(self.directory, "feed")
        self.private = os.path.join(self.directory, "run")
        self.owner = owner
        self.parts = os.path.join(self.directory, "parts")
        self._places = os.path.join(self.directory, "tablespaces")
        self._whole = os.path.join(self.directory, "whole")

    @property
    def whole(self) -> bool:
        """Whether an earlier run made the copy, and found it as its manifest says."""
        return self.is_own and os.path.exists(self._whole)

    @property
    def is_own(self) -> bool:
        """Whether it was made by a run as this one is, and by nobody else who can write beside the data directory."""
        try:
            found = [os.lstat(self.directory)]
        except FileNotFoundError:
            return False
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found.append(os.lstat(self._whole))
        ours = os.geteuid() != 0 or all(one.st_uid == 0 for one in found)
        return ours and stat.S_ISDIR(found[0].st_mode) and not any(stat.S_ISLNK(one.st_mode) for one in found)

    def require_own(self) -> None:
        """Raise DatabaseError where something is in its place that no run made: whose it is only people can tell."""
        if os.path.lexists(self.directory) and not self.is_own:
            raise self._foreign()

    @property
    def places(self) -> frozenset[str]:
        """The places of tablespaces that the copy has."""
        try:
            return frozenset(json.loads(b"".join(disk.read_blocks(self._places))))
        except (NotFound, ValueError):
            return frozenset()

    def make(self, places: Collection[str]) -> None:
        """Make the directories, empty. Only its owner and root can enter them."""
        self.require_own()
        self.remove(places)
        with disk.explained(self.directory):
            # The server's user may go through them, and exchange nothing in them.
            for path in (self.directory, self.feed):
                self.make_passable(path)
            for path in (self.data, self.private):
                os.mkdir(path, 0o700)
            with self.opened(self.private) as handle:
                os.fchown(handle, self.owner.uid, self.owner.gid)
            disk.write_atomically(self._places, [json.dumps(list(places)).encode()])
            for place in places:
                os.makedirs(place, mode=0o700, exist_ok=True)
                os.mkdir(self.space(place), 0o700)

    def make_passable(self, directory: str) -> None:
        """Make a directory of the copy that the server's user may go through."""
        with disk.explained(directory):
            os.mkdir(directory, 0o710)
            with self.opened(directory) as handle:
                os.fchown(handle, -1, self.owner.gid)

    def space(self, place: str) -> str:
        """Return where a tablespace grows: in its place, under a name that is the copy's alone."""
        return os.path.join(place, self._own)

    def is_empty(self, place: str) -> bool:
        """Whether nothing but what an earlier run left of this copy is in the place of a tablespace."""
        with disk.explained(place):
            return not os.path.lexists(place) or (os.path.isdir(place) and set(os.listdir(place)) <= {self._own})

    def unpack(self, into: str, stored: Iterable[bytes]) -> None:
        """Unpack an archive of a base backup into an empty directory, to its authenticated end."""
        with self._opened(into) as (parent, own):
            guard = Guard(Limits(), outside_links=True)
            guard.admit(tar.Member(names.ROOT, tar.DIRECTORY, mode=0o700))
            Extractor(parent, own, _RULES, guard, into).extract_members(_members(stored))

    def complete(self, programs: Programs, places: Mapping[int, str]) -> None:
        """
        Give the copy to its owner, and let PostgreSQL compare it with its manifest. Raise Tampered where it differs.

        After that it is on the disk, and may be started.
        """
        for place in places.values():
            self._settle(place)
        base_copy.link(self.data, places)
        base_copy.write_map(self.data, places)
        for directory in (self.data, *places.values()):
            self.give_away(directory)
        base_copy.verify(programs, self.data, self.owner.prefix)
        for directory in (self.data, *places.values()):
            with disk.explained(directory), disk.closing(os.open(directory, names.DIRECTORY)) as handle:
                sync_file_system(handle)
        disk.write_atomically(self._whole, [])

    def remove(self, places: Iterable[str] = ()) -> None:
        """Remove what is left of it, and what grows in these places; what has taken its place there stays."""
        shutil.rmtree(self.directory, ignore_errors=True)
        for place in places:
            shutil.rmtree(self.space(place), ignore_errors=True)

    def _settle(self, place: str) -> None:
        """Let a tablespace that has grown be what its place holds."""
        with disk.explained(place), self.opened(place) as into, self.opened(self.space(place)) as grown:
            for name in os.listdir(grown):
                os.rename(name, name, src_dir_fd=grown, dst_dir_fd=into)
            os.rmdir(self._own, dir_fd=into)

    def give_away(self, directory: str) -> None:
        """Let all of a tree belong to the server's user, who can neither enter it before nor lead us out of it."""
        if os.geteuid() != 0:
            return
        owner = (self.owner.uid, self.owner.gid)
        with disk.explained(directory), self.opened(directory) as top:
            for _folder, folders, files, handle in os.fwalk(dir_fd=top, follow_symlinks=False):
                for name in (*folders, *files):
                    os.chown(name, *owner, dir_fd=handle, follow_symlinks=False)
            os.fchown(top, *owner)

    @contextlib.contextmanager
    def opened(self, directory: str) -> Iterator[int]:
        """
        Open a directory of the copy, or the place of a tablespace, through no link from the copy's directory or that
        place on. Raise DatabaseError where the copy's directory is no longer the one that was made.
        """
        first, names_below = self._split(directory)
        with contextlib.ExitStack() as stack:
            handle = stack.enter_context(disk.closing(os.open(first, names.DIRECTORY)))
            if first == self.directory and os.geteuid() == 0 and os.fstat(handle).st_uid != 0:
                raise self._foreign()
            for name in names_below:
                handle = stack.enter_context(disk.closing(os.open(name, names.DIRECTORY, dir_fd=handle)))
            yield handle

    def _foreign(self) -> DatabaseError:
        return DatabaseError(
            f"{self.directory} is in the place of the copy, and no recovery made it: it is a link, or not root's.",
            "Find out who put it there, remove it, and run this again.",
        )

    def _split(self, directory: str) -> tuple[str, list[str]]:
        """Return the first directory of a path that others may exchange, and the names that lead on from there."""
        if directory == self.directory or directory.startswith(self.directory + os.sep):
            return self.directory, directory.removeprefix(self.directory).split(os.sep)[1:]
        place, name = os.path.split(directory)
        return (place, [name]) if name == self._own else (directory, [])

    @contextlib.contextmanager
    def _opened(self, directory: str) -> Iterator[tuple[int, bytes]]:
        parent, own = os.path.split(os.path.normpath(directory))
        with disk.explained(directory), self.opened(parent) as handle:
            yield handle, os.fsencode(own)


def _members(stored: Iterable[bytes]) -> Iterator[tuple[tar.Member, Iterator[bytes]]]:
    """Yield the members of an archive by their names: PostgreSQL begins those of two directories with a dot."""
    for member, contents in tar.read_members(stored):
        yield dataclasses.replace(member, name=member.name.removeprefix(b"./")), contents
