# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The copy of a server that a recovery works on, beside its data directory, until it takes that one's place.

It is made by root and belongs to the server's user when it is whole. A run that was interrupted finds it again, and
what it says to be whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import typing as t

from ...drivers.components.postgres import base_copy
from ...drivers.files import names, tar
from ...drivers.files.identity import Rules
from ...drivers.files.safety import Guard, Limits
from ...drivers.files.staging import sync_file_system
from ...drivers.files.unpacking import Extractor
from ...ground import disk
from ...ground.errors import NotFound

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from ...drivers.components.postgres.recovering_server import Owner
    from ...drivers.components.postgres.server import Programs

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
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
        self._places = os.path.join(self.directory, "tablespaces")
        self._whole = os.path.join(self.directory, "whole")

    @property
    def whole(self) -> bool:
        """Whether an earlier run made the copy, and found it as its manifest says."""
        return os.path.exists(self._whole)

    @property
    def places(self) -> frozenset[str]:
        """The places of tablespaces that the copy has."""
        try:
            return frozenset(json.loads(b"".join(disk.read_blocks(self._places))))
        except (NotFound, ValueError):
            return frozenset()

    def make(self, places: Collection[str]) -> None:
        """Make the directories, empty. Only its owner and root can enter them."""
        self.remove(places)
        with disk.explained(self.directory):
            # The server's user may go through them, and exchange nothing in them.
            for path in (self.directory, self.feed):
                os.mkdir(path, 0o710)
                os.chown(path, -1, self.owner.gid)
            for path in (self.data, self.private):
                os.mkdir(path, 0o700)
            os.chown(self.private, self.owner.uid, self.owner.gid)
            disk.write_atomically(self._places, [json.dumps(list(places)).encode()])
            for place in places:
                os.makedirs(place, mode=0o700, exist_ok=True)
                os.mkdir(self.space(place), 0o700)

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

    def complete(self, programs: Programs, manifest: bytes, places: Mapping[int, str]) -> None:
        """
        Give the copy to its owner, and let PostgreSQL compare it with the manifest. Raise Tampered where it differs.

        After that it is on the disk, and may be started.
        """
        disk.write_atomically(os.path.join(self.data, base_copy.MANIFEST), [manifest])
        for place in places.values():
            self._settle(place)
        base_copy.link(self.data, places)
        base_copy.write_map(self.data, places)
        for directory in (self.data, *places.values()):
            self._give_away(directory)
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
        with disk.explained(place):
            for name in os.listdir(self.space(place)):
                os.rename(os.path.join(self.space(place), name), os.path.join(place, name))
            os.rmdir(self.space(place))

    def _give_away(self, directory: str) -> None:
        """Let all of a tree belong to the server's user, who cannot enter it before, nor change it meanwhile."""
        if os.geteuid() != 0:
            return
        with disk.explained(directory):
            for folder, folders, files in os.walk(directory):
                for name in (*folders, *files):
                    os.chown(os.path.join(folder, name), self.owner.uid, self.owner.gid, follow_symlinks=False)
            os.chown(directory, self.owner.uid, self.owner.gid)

    @contextlib.contextmanager
    def _opened(self, directory: str) -> Iterator[tuple[int, bytes]]:
        parent, own = os.path.split(os.path.normpath(directory))
        with (
            disk.explained(directory),
            disk.closing(os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as handle,
        ):
            yield handle, os.fsencode(own)


def _members(stored: Iterable[bytes]) -> Iterator[tuple[tar.Member, Iterator[bytes]]]:
    """Yield the members of an archive by their names: PostgreSQL begins those of two directories with a dot."""
    for member, contents in tar.read_members(stored):
        yield dataclasses.replace(member, name=member.name.removeprefix(b"./")), contents
