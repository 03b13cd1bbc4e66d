# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Where a scratch cluster lies and which user it is: a directory that is removed afterwards, and a number of its own.

What a killed run left is removed by the next. A lock tells who still lives: the first process in the sandbox holds it
too, and the kernel ends that one last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import typing as t

from ....ground import disk, process
from ....ground.errors import DatabaseError, ProcessFailed, UsageError
from . import sandbox

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .server import Programs

FIELD = "scratch_dir"
PREFIX = "scratch-"
PORT = 5432
SOCKET_PATH_BYTES = 107

PROCESSES = 256
"""How many processes there may be: sessions, their helpers, the server's own, and what reads the dump."""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a cluster lies, and who it is. The directory is root's: nothing within it can be exchanged from inside."""

    directory: str
    uid: int
    lock: int

    @property
    def data(self) -> str:
        return os.path.join(self.directory, "data")

    @property
    def socket(self) -> str:
        return os.path.join(self.directory, "socket")

    @property
    def visible(self) -> Mapping[str, str]:
        """What is seen besides: programs of PostgreSQL ask for the name of their user."""
        return {f"/etc/{name}": os.path.join(self.directory, name) for name in ("passwd", "group")}

    def sandbox(self, programs: Programs, *writable: str, options: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the prefix of a program that may write to these directories."""
        return sandbox.command_prefix(
            self.uid,
            programs.directory,
            processes=PROCESSES,
            writable=writable,
            visible=self.visible,
            options=("--sync-fd", str(self.lock), *options),
        )


@contextlib.contextmanager
def placed(parent: str, chance: int) -> Iterator[Place]:
    """
    Yield a user number that nobody else has, and a directory of its own below `parent`, which is removed afterwards.

    `chance` is any number, so that two runs seldom try the same user first. Raise UsageError when `parent` is not fit
    for it, DatabaseError when it lacks room.
    """
    _make_parent(parent)
    remove_leftovers(parent)
    _check_room(parent)
    for step in range(len(sandbox.UIDS)):
        uid = sandbox.UIDS[(chance + step) % len(sandbox.UIDS)]
        directory = os.path.join(parent, f"{PREFIX}{uid}")
        with contextlib.ExitStack() as stack:
            try:
                lock = stack.enter_context(_locked(directory))
            except BlockingIOError:
                continue
            if not sandbox.is_free(uid):
                continue
            stack.enter_context(_made(directory, uid))
            yield Place(directory, uid, lock)
            return
    raise UsageError(
        f"All user ids from {sandbox.UIDS[0]} to {sandbox.UIDS[-1]} are in use, so none is free for a scratch cluster.",
        "Wait for other validations to finish.",
        field=FIELD,
    )


def remove_leftovers(parent: str) -> list[str]:
    """Remove clusters whose run was killed, told by a lock that nobody holds. Return their directories."""
    removed: list[str] = []
    for name in sorted(os.listdir(parent)):
        directory = os.path.join(parent, name)
        if not name.startswith(PREFIX) or name.endswith(".lock"):
            continue
        with contextlib.suppress(BlockingIOError), _locked(directory):
            _remove(directory)
            removed.append(directory)
    return removed


def _make_parent(parent: str) -> None:
    try:
        # Nobody else on the host has anything to do there; in the sandbox the way to the cluster is open. Several
        # validations may begin at once, and each finds it or makes it.
        os.makedirs(parent, mode=0o700, exist_ok=True)
        found = os.stat(parent)
    except OSError as exc:
        raise UsageError(
            f"The directory {parent} cannot be created: {exc.strerror}.", "Correct scratch_dir.", field=FIELD
        ) from exc
    # Whoever may write there could exchange a directory between its making and its use.
    if found.st_uid != 0 or found.st_mode & 0o022:
        raise UsageError(
            f"The directory {parent} is accessible to users other than root.",
            f"Run: chown root {parent}; chmod 0700 {parent}",
            field=FIELD,
        )
    longest = os.path.join(parent, f"{PREFIX}{sandbox.UIDS[-1]}", "socket", f".s.PGSQL.{PORT}")
    if len(os.fsencode(longest)) > SOCKET_PATH_BYTES:
        raise UsageError("The path of scratch_dir is too long for a socket.", "Set a shorter path.", field=FIELD)


def _check_room(parent: str) -> None:
    if said := disk.shortage(parent):
        raise DatabaseError(
            f"There is too little space for a scratch cluster in {parent}: {said}.",
            "Free space there, or set scratch_dir to a directory with more space.",
        )


@contextlib.contextmanager
def _made(directory: str, uid: int) -> Iterator[None]:
    try:
        os.mkdir(directory, 0o700)
        for name in ("data", "socket"):
            path = os.path.join(directory, name)
            os.mkdir(path, 0o700)
            os.chown(path, uid, uid)
        for name, line in (
            ("passwd", f"scratch:x:{uid}:{uid}::{sandbox.HOME}:/bin/false\n"),
            ("group", f"scratch:x:{uid}:\n"),
        ):
            with open(os.path.join(directory, name), "w", encoding="ascii") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(line)
        yield
    finally:
        _remove(directory)


def _remove(directory: str) -> None:
    """Remove what a stranger made: rm bears a tree that is deeper than any path may be, and follows no link."""
    try:
        process.run(["rm", "-rf", "--one-file-system", directory], env={})
    except ProcessFailed as exc:
        raise DatabaseError(
            f"The scratch directory {directory} cannot be removed, and contains data of a backup: {exc.cause}",
            "Remove it by hand.",
        ) from exc


@contextlib.contextmanager
def _locked(directory: str) -> Iterator[int]:
    """Hold the lock file beside `directory`, and give its descriptor. Raise BlockingIOError when another run does."""
    path = f"{directory}.lock"
    with disk.closing(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it before has removed the file that we opened.
        if not os.path.exists(path) or not os.path.samestat(os.fstat(handle), os.stat(path)):
            raise BlockingIOError
        try:
            yield handle
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
