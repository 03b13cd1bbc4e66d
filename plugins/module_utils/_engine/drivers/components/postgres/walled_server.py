# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A copy of a server that recovers in a sandbox: whoever could write to that server before has a superuser's rights in it.

Inside are its files, the directory by which it is fed its log, and PostgreSQL's programs. There is no network, no key
and no way to the store, and whatever it starts ends with it.
"""

from __future__ import annotations

import contextlib
import shutil
import typing as t

from ....ground.errors import DatabaseError
from ....ground.units import human_size
from . import sandbox, scratch, watch
from .contained import Contained
from .recovering_server import ENVIRONMENT, LOG_BYTES, Owner, RecoveringServer
from .replacing import SPARE
from .scratch_place import FIELD, PROCESSES, placed

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ....ground import process
    from .scratch_place import Place
    from .server import Programs

PROGRAMS = ("postgres", "pg_controldata", "pg_verifybackup", "pg_amcheck")

FEEDING = 256 << 20
"""Bytes by which this process may grow besides while it feeds a server."""

_SETTINGS: Mapping[str, str] = {
    "archive_mode": "off",
    "fsync": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    # Files in the cluster's own directory: what is in the sandbox has little of other memory.
    "dynamic_shared_memory_type": "mmap",
    "wal_retrieve_retry_interval": "500ms",
}
"""It is thrown away, and nobody waits for it in vain."""


class Walls(t.NamedTuple):
    """A place with walls, in which a copy can be made: all of it in `directory`, which belongs to root."""

    programs: Programs
    place: Place
    directory: str
    owner: Owner


def require(programs: Programs) -> None:
    """Raise UsageError or DatabaseError when this host lacks what walls need, or what is done within."""
    scratch.require(programs, PROGRAMS)


@contextlib.contextmanager
def walled(programs: Programs, *, parent: str, chance: int, name: str, size: int) -> Iterator[Walls]:
    """
    Yield a place below `parent` that is gone afterwards; the copy of so many bytes is made in the directory of this
    name within it.

    Raise UsageError when there is no sandbox, DatabaseError when programs or room are missing.
    """
    require(programs)
    sandbox.drop_keyrings(FIELD)
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(placed(parent, chance))
        require_room(parent, size)
        sandbox.probe(place.sandbox(programs), ENVIRONMENT, FIELD, pass_fds=[place.lock])
        directory = f"{place.directory}/{name}"
        prefix = sandbox.command_prefix(
            place.uid,
            programs.directory,
            processes=PROCESSES,
            visible={**place.visible, place.socket: place.socket},
            writable=(directory,),
        )
        yield Walls(programs, place, directory, Owner(place.uid, place.uid, prefix))


def require_room(parent: str, size: int) -> None:
    """Raise DatabaseError when there is no room for a copy of so many bytes below `parent`."""
    free = shutil.disk_usage(parent).free
    if free < size * SPARE:
        raise DatabaseError(
            f"The recovery of this backup needs {human_size(size * SPARE)} in {parent}, which has {human_size(free)}.",
            "Free space there, or set scratch_dir to a directory with more space.",
        )


class WalledServer(RecoveringServer):
    """
    The server of the data directory `data` within `walls`. In `with` it is watched, and ended after `limit` seconds
    unless they are 0, or where it takes what others need.
    """

    def __init__(self, within: Walls, data: str, superuser: str, limit: float) -> None:
        super().__init__(within.programs, data, within.place.socket, within.owner, superuser)
        self.walls = within
        self._limit = limit
        self._contained: Contained | None = None
        self._over = False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> t.Self:
        looks = [
            watch.at_room(self.walls.place.directory),
            watch.at_memory(scratch.MEMORY + FEEDING),
            watch.at_time(self._limit),
        ]
        self._stack.callback(self._end)
        self._stack.enter_context(scratch.watched(looks, self._kill))
        return self

    def __exit__(self, *exc: t.Any) -> None:  # noqa: PYI036 - it hands them on
        self._hang_up()
        self._stack.__exit__(*exc)

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server with these settings beside its own; it archives nothing."""
        super().start({**settings, **_SETTINGS})

    def stop(self) -> None:
        """End it at once, and all that it started: the files are as a crash leaves them."""
        self._hang_up()
        self._end()

    def _run(self, argv: Sequence[str]) -> process.Child:
        writable = (self.walls.directory, self.walls.place.socket)
        self._contained = Contained(
            self.walls.place, self.programs, argv, writable=writable, environ=ENVIRONMENT, tail=LOG_BYTES
        )
        if self._over:
            raise DatabaseError("The scratch cluster was stopped.", "See why.")
        return self._contained.child

    def _kill(self) -> None:
        self._over = True
        if self._contained is not None:
            self._contained.kill()

    def _end(self) -> None:
        if self._contained is not None:
            self._contained.end()
