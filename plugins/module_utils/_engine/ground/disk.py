# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Files on a local disk, written so that a crash leaves the old content or the whole of the new one.

The order is: a temporary file in the same directory, fsync, rename (or link, for create-only), fsync of the
directory. See PostgreSQL's own durable_rename() and LWN's "Ensuring data reaches disk" for why each step counts. The
temporary file is locked for as long, and the kernel lets the lock go when its writer dies.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
import typing as t

from .errors import AccessDenied, AlreadyExists, Full, NotFound, StoreError
from .units import human_size

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEMPORARY_PREFIX = ".lifeboat-"
TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + r"[0-9a-f]{16}")
"""The names of temporary files, and no others."""


def write_atomically(
    path: str, chunks: Iterable[bytes], *, mode: int = 0o600, replace: bool = True, shared: bool = False
) -> int:
    """
    Write `chunks` to `path` and return the bytes written. Its mode is `mode`, whatever the umask is; what root writes
    belongs to the directory's owner where the file is `shared`.

    With `replace=False` the file must not exist yet. Raise AlreadyExists then, StoreError when the disk refuses
    (no space left, read-only, an I/O error). Whatever `chunks` raises passes through. No temporary file stays, and
    `path` is as it was before, unless the directory alone could not be made durable.
    """
    directory = os.path.dirname(path) or "."
    temporary = os.path.join(directory, f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")
    try:
        with explained(path):
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with closing(handle):
            with explained(path):
                _claim(handle)
                _admit(handle, mode, directory if shared else "")
            written = 0
            for chunk in chunks:
                with explained(path):
                    write_all(handle, chunk)
                written += len(chunk)
            with explained(path):
                os.fsync(handle)
                if replace:
                    os.rename(temporary, path)
                else:
                    os.link(temporary, path)
                    os.unlink(temporary)
                sync_directory(directory)
        return written
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def remove_unfinished(path: str, before: float) -> bool:
    """
    Remove a temporary file that a killed writer left. Whether it was removed.

    It stays when it was written to since `before`, in seconds as files have it, when somebody writes it, and where
    nobody can tell: another user's, or on a file system without locks.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with closing(handle), contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(handle)
        if stat.S_ISREG(found.st_mode) and found.st_mtime < before:
            os.unlink(path)
            sync_directory(os.path.dirname(path))
            return True
    return False


def sync_directory(path: str) -> None:
    """Make renames, links and removals in the directory at `path` durable."""
    with closing(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as handle:
        os.fsync(handle)


@contextlib.contextmanager
def closing(handle: int) -> Iterator[int]:
    """Yield a descriptor, and close it after the block."""
    try:
        yield handle
    finally:
        os.close(handle)


def read_blocks(path: str, start: int = 0, length: int | None = None, block: int = 1 << 20) -> Iterator[bytes]:
    """Yield the file's bytes from `start`, `length` of them or all, in blocks."""
    with explained(path), open(path, "rb", buffering=0) as file:
        file.seek(start)
        left = length
        while left is None or left > 0:
            piece = file.read(block if left is None else min(block, left))
            if not piece:
                return
            if left is not None:
                left -= len(piece)
            yield piece


def _claim(handle: int) -> None:
    """Lock a temporary file. Raise FileNotFoundError when it was taken for one that a killed writer left."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        taken = True
    except OSError:
        return  # a file system without locks, where nobody removes it
    else:
        taken = os.fstat(handle).st_nlink == 0
    if taken:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _admit(handle: int, mode: int, directory: str) -> None:
    """Set who may use a file, by its descriptor, since the owner of the directory can exchange what lies in it."""
    if directory:
        give_away(handle, directory)
    if stat.S_IMODE(os.fstat(handle).st_mode) != mode:
        with contextlib.suppress(OSError):  # a file system without modes
            os.fchmod(handle, mode)


def give_away(handle: int, directory: str) -> None:
    """Let an open file that root made belong to the owner of its directory, who needs it on other days."""
    if os.geteuid() == 0:
        owner = os.stat(directory)
        with contextlib.suppress(PermissionError):  # a file system of another machine, which trusts no root of this one
            os.fchown(handle, owner.st_uid, owner.st_gid)


def share_directory(path: str, mode: int | None = None) -> None:
    """
    Let a directory that root made belong to the owner of the one above it, and give it `mode` if the umask did not.

    The umask of who is not in its group has to: the system takes the set-group-ID bit away from what he changes.
    """
    with closing(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)) as handle:
        give_away(handle, os.path.dirname(path))
        if mode is not None and stat.S_IMODE(os.fstat(handle).st_mode) != mode:
            with contextlib.suppress(OSError):  # a file system without modes
                os.fchmod(handle, mode)


def write_all(handle: int, chunk: bytes) -> None:
    """Write all of it, however little the kernel takes at once."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(handle, view) :]


RESERVE_SHARE = 20
"""The others keep one part in so many of the disk, of its bytes and of its files,"""

RESERVE_BYTES = 1 << 30
"""and no more bytes than these."""


def shortage(path: str) -> str:
    """Say how little is left on the disk of `path` when it is less than the others' reserve; else an empty string."""
    found = os.statvfs(path)
    left = found.f_bavail * found.f_frsize
    if left < min(found.f_blocks * found.f_frsize // RESERVE_SHARE, RESERVE_BYTES):
        return f"{human_size(left)} are free"
    if found.f_favail < found.f_files // RESERVE_SHARE:
        return f"{found.f_favail} files can still be created"
    return ""


@contextlib.contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn the operating system's refusals into StoreError and its kin, in sentences that name the path."""
    try:
        yield
    except FileExistsError as exc:
        raise AlreadyExists(f"{path} already exists.", "Nothing was written.", path=path) from exc
    except OSError as exc:
        number = exc.errno or 0
        raise _KINDS.get(number, StoreError)(
            f"{path} cannot be used: {exc.strerror}.", _REMEDIES.get(number, _REMEDY), path=path
        ) from exc


_KINDS: dict[int, type[StoreError]] = {
    errno.ENOENT: NotFound,
    errno.EACCES: AccessDenied,
    errno.EPERM: AccessDenied,
    errno.EROFS: AccessDenied,
    errno.ENOSPC: Full,
    errno.EDQUOT: Full,
}

_REMEDY = "Check that path and its file system, and run again."

_REMEDIES = {
    errno.ENOSPC: "Free space on that file system, or apply the retention policy, and run again.",
    errno.EDQUOT: "Raise the quota or free space, and run again.",
    errno.EROFS: "Mount the file system read-write, and run again.",
    errno.EACCES: "Grant the user who runs this access to it, and run again.",
    errno.EPERM: "Grant the user who runs this access to it, and run again.",
    errno.EIO: "The disk reports errors: check its health before you trust its data.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EISDIR: "A directory is in the place of a file: move it away, and run again.",
    errno.ENOTDIR: "Something that is not a directory is in its place: remove it, or correct the path.",
    errno.ENOENT: "Create the directory above it, or correct the path.",
}
