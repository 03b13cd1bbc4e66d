# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The private directory beside a destination in which an opened archive grows, until it takes the destination's place.

It is locked while its owner lives. One that is not locked was left by a process that was killed: the next opening
in the same directory removes it, so plaintext does not lie about. The destination changes in one rename or not at all.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import secrets
import stat
import typing as t

from ...ground import disk
from ...ground.disk import TEMPORARY_PREFIX
from ...ground.errors import Busy, StoreError
from . import names

PREFIX = f"{TEMPORARY_PREFIX}opening-".encode()
CONTENT = b"content"

_OCTAL = re.compile(rb"\\([0-7]{3})")


class Staging:
    """Use in `with`: make `CONTENT` in the directory `handle`, then `place` it. Whatever is left in it is removed."""

    def __init__(self, destination: str) -> None:
        """Prepare for a destination whose parent directory exists."""
        self._destination = os.fsencode(os.path.abspath(destination))
        self._parent_path, self._own = os.path.split(self._destination)
        self._parent = -1
        self._name = b""
        self.handle = -1

    def __enter__(self) -> t.Self:
        with names.explained(self._parent_path):
            self._parent = os.open(self._parent_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                remove_leftovers(self._parent)
                self._create()
            except BaseException:
                os.close(self._parent)
                raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            remove(self._parent, self._name)
        except OSError as exc:
            if error is None:  # else the error that is on its way says more
                left = names.shown(os.path.join(self._parent_path, self._name))
                raise StoreError(
                    f"{names.shown(self._destination)} is replaced, but its old data could not be removed: "
                    f"{exc.strerror}.",
                    f"Remove {left}.",
                    path=left,
                ) from exc
        finally:
            os.close(self.handle)
            os.close(self._parent)

    def place(self, *, replace: bool) -> None:
        """
        Let the content become the destination, durably. With `replace` what is there goes, all at once.

        Raise Busy when something appeared there that was not to be replaced, StoreError when the disk refuses.
        """
        with names.explained(self._destination):
            sync_file_system(self.handle)
            try:
                self._move(replace=replace)
            except FileExistsError as exc:
                raise Busy(
                    f"{names.shown(self._destination)} appeared while the archive was extracted.",
                    "Nothing was replaced; find out what created it, and run again.",
                    path=names.shown(self._destination),
                ) from exc
            os.fsync(self._parent)

    def _move(self, *, replace: bool) -> None:
        if not replace:
            _rename_new(self.handle, CONTENT, self._parent, self._own)
        elif not self._both_directories():
            os.rename(CONTENT, self._own, src_dir_fd=self.handle, dst_dir_fd=self._parent)
        elif not _exchange(self.handle, CONTENT, self._parent, self._own):
            self._move_in_two_steps()

    def _move_in_two_steps(self) -> None:
        """For file systems without exchange: the old one stays beside the destination if we are killed between."""
        aside = f"{TEMPORARY_PREFIX}replaced-{secrets.token_hex(8)}".encode()
        os.rename(self._own, aside, src_dir_fd=self._parent, dst_dir_fd=self._parent)
        try:
            os.rename(CONTENT, self._own, src_dir_fd=self.handle, dst_dir_fd=self._parent)
        except OSError:
            os.rename(aside, self._own, src_dir_fd=self._parent, dst_dir_fd=self._parent)
            raise
        remove(self._parent, aside)

    def _both_directories(self) -> bool:
        made = os.stat(CONTENT, dir_fd=self.handle, follow_symlinks=False)
        there = os.stat(self._own, dir_fd=self._parent, follow_symlinks=False)
        return stat.S_ISDIR(made.st_mode) and stat.S_ISDIR(there.st_mode)

    def _create(self) -> None:
        while True:
            self._name = PREFIX + secrets.token_hex(8).encode()
            os.mkdir(self._name, 0o700, dir_fd=self._parent)
            self.handle = os.open(self._name, names.DIRECTORY, dir_fd=self._parent)
            fcntl.flock(self.handle, fcntl.LOCK_EX)
            if os.fstat(self.handle).st_nlink:  # else somebody took it for a leftover before it was locked
                return
            os.close(self.handle)


def mounts_below(path: str, mountinfo: str = "/proc/self/mountinfo") -> list[str]:
    """Return the mount points at and below a path. Replacing a directory would take them along, and empty them."""
    place = os.path.realpath(path)
    try:
        with open(mountinfo, "rb") as file:
            fields = [line.split() for line in file]
    except FileNotFoundError:
        return [place] if os.path.ismount(place) else []
    points = [os.fsdecode(_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), field[4])) for field in fields]
    return [point for point in points if point == place or point.startswith(place.rstrip("/") + "/")]


def remove_leftovers(parent: int) -> None:
    """Remove what killed openings of this user left in an open directory. What can't be removed stays for the next."""
    for name in os.listdir(parent):
        own = os.fsencode(name)
        if not own.startswith(PREFIX):
            continue
        with contextlib.suppress(OSError), disk.closing(os.open(own, names.DIRECTORY, dir_fd=parent)) as handle:
            if os.fstat(handle).st_uid == os.geteuid():
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(parent, own)


def remove(parent: int, own: bytes) -> None:
    """
    Remove a directory and all in it, however deep, following no link and entering no other file system.

    Raise OSError when some of it stays.
    """
    device = os.stat(own, dir_fd=parent, follow_symlinks=False).st_dev
    pending = [own]
    with contextlib.closing(names.Ladder(parent)) as ladder:
        while pending:
            place = pending[-1]
            above, last = names.split(place)
            outer = ladder.open(above)
            inner = _empty(outer, last, device)
            if not inner:
                os.rmdir(last, dir_fd=outer)
                pending.pop()
            pending += [names.below(place, name) for name in inner]


def _empty(outer: int, own: bytes, device: int) -> list[bytes]:
    """Unlink everything in a directory that is no directory, and return the names of those that are."""
    inner = []
    with disk.closing(_opened(outer, own)) as handle:
        if os.fstat(handle).st_dev != device:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        with contextlib.suppress(PermissionError):
            os.fchmod(handle, 0o700)  # a read-only tree must not outlive its owner's wish to be rid of it
        for entry in os.listdir(handle):
            name = os.fsencode(entry)
            if stat.S_ISDIR(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
                inner.append(name)
            else:
                os.unlink(name, dir_fd=handle)
    return inner


def _opened(outer: int, own: bytes) -> int:
    """Open a directory, also one that its owner closed to himself."""
    # By descriptor alone: its name may have become a link to somewhere else, whose mode is not ours to change.
    with contextlib.suppress(PermissionError):
        return os.open(own, names.DIRECTORY, dir_fd=outer)
    with disk.closing(os.open(own, names.DIRECTORY | os.O_PATH, dir_fd=outer)) as closed:
        os.chmod(f"/proc/self/fd/{closed}", 0o700)
    return os.open(own, names.DIRECTORY, dir_fd=outer)


_NO_REPLACE = 1
_EXCHANGE = 2
_NOT_HERE = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


def _rename_new(source: int, source_own: bytes, target: int, target_own: bytes) -> None:
    """Rename within two open directories. Raise FileExistsError when the target exists, as far as can be told."""
    if not _rename(source, source_own, target, target_own, _NO_REPLACE):
        os.rename(source_own, target_own, src_dir_fd=source, dst_dir_fd=target)


def _exchange(source: int, source_own: bytes, target: int, target_own: bytes) -> bool:
    """Let two names change places, so that neither is ever missing. False where the file system can't do it."""
    return _rename(source, source_own, target, target_own, _EXCHANGE)


def sync_file_system(handle: int) -> None:
    """Make everything written to the file system of an open directory durable. Raise OSError when some of it failed."""
    call = _call("syncfs")
    if call is None:
        os.sync()
    elif call(handle) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _rename(source: int, source_own: bytes, target: int, target_own: bytes, flags: int) -> bool:
    call = _call("renameat2")
    if call is None:
        return False
    if call(source, source_own, target, target_own, ctypes.c_uint(flags)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), os.fsdecode(target_own))


def _call(name: str) -> t.Callable[..., int] | None:
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)
