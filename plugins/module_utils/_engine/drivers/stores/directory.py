# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A directory as a store, durable at every step.

An object is a file, a slash in its name is a directory. Files appear under their name whole or not at all
(disk.py), and a directory made for one is fsynced into the directory above it. The root itself must exist: where
something should be mounted and is not, a backup must not quietly fill the disk below.

All of it is its owner's alone. Below a directory with the set-group-ID bit that its group may write to, what is made is
the group's too, and the bit passes on: two accounts share what lies there.
"""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t
from datetime import UTC, datetime

from ...ground import disk
from ...ground.errors import NotFound, StoreError
from . import base

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

SHARED = stat.S_ISGID | stat.S_IWGRP
"""The bits of a directory that two accounts share."""

SHARED_DIRECTORY_MODE = 0o2770
SHARED_FILE_MODE = 0o660

ATTEMPTS = 8
"""How often a write starts anew when a deletion beside it removed the directory that had just been made for it."""


class DirectoryStore(base.PlainStore):
    """The store below the directory `root`, an absolute path."""

    def __init__(self, root: str) -> None:
        self.url = f"file://{root}"
        self._root = root

    def put(self, name: str, chunks: Iterable[bytes], *, part_size: int = base.PART_SIZE) -> int:  # noqa: ARG002
        return self._write(name, chunks, replace=True)

    def put_new(self, name: str, data: bytes) -> None:
        self._write(name, [data], replace=False)

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        path = self._path(name)
        self._stat(name, path)
        yield from disk.read_blocks(path, start, length, base.BLOCK)

    def head(self, name: str) -> base.ObjectInfo:
        return _info(name, self._stat(name, self._path(name)))

    def list(self, prefix: str, after: str = "") -> Iterator[base.ObjectInfo]:
        self._check_root()
        above, slash, _rest = base.check_prefix(prefix).rpartition("/")
        if above:
            self._path(above)
        yield from self._walk(above + slash, prefix, after)

    def delete(self, name: str) -> None:
        path = self._path(name)
        self._check_root()
        with disk.explained(path):
            try:
                os.unlink(path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return
            with contextlib.suppress(FileNotFoundError):  # another deletion was quicker to remove the directory
                disk.sync_directory(os.path.dirname(path))
        self._remove_empty(os.path.dirname(path))

    def unfinished(self, prefix: str) -> Iterator[base.ObjectInfo]:
        self._check_root()
        top = self._path(prefix.removesuffix("/")) if prefix else self._root
        with disk.explained(top):
            for directory, _directories, files in os.walk(top, onerror=_fail):
                for file in filter(disk.TEMPORARY.fullmatch, sorted(files)):
                    path = os.path.join(directory, file)
                    with contextlib.suppress(FileNotFoundError):
                        found = os.lstat(path)
                        if stat.S_ISREG(found.st_mode):
                            yield _info(os.path.relpath(path, self._root), found)

    def abort(self, name: str, before: datetime) -> bool:
        directory, _slash, file = name.rpartition("/")
        path = self._path(directory) if directory else self._root
        if not disk.TEMPORARY.fullmatch(file):
            return False
        gone = disk.remove_unfinished(os.path.join(path, file), before.timestamp())
        if gone:
            self._remove_empty(path)
        return gone

    def _write(self, name: str, chunks: Iterable[bytes], *, replace: bool) -> int:
        path = self._path(name)
        source = _Source(chunks)
        left = ATTEMPTS
        while True:
            self._make_parents(name)
            try:
                mode = SHARED_FILE_MODE if _is_shared(os.path.dirname(path)) else FILE_MODE
                return disk.write_atomically(path, source, mode=mode, replace=replace, shared=True)
            except NotFound:
                left -= 1
                if source.started or not left:
                    raise

    def _make_parents(self, name: str) -> None:
        """
        Make the directories that `name` needs below the root, each durable before anything is put into it. What root
        makes belongs to the owner of the store, who uses it too.

        One that exists was made durable by whoever made it, before that write of his was done.
        """
        self._check_root()
        made = self._root
        for segment in name.split("/")[:-1]:
            above, made = made, os.path.join(made, segment)
            with disk.explained(made), contextlib.suppress(FileExistsError, FileNotFoundError):
                shared = _is_shared(above)
                os.mkdir(made, SHARED_DIRECTORY_MODE if shared else DIRECTORY_MODE)
                disk.share_directory(made, SHARED_DIRECTORY_MODE if shared else None)
                disk.sync_directory(above)

    def _remove_empty(self, directory: str) -> None:
        # Thousands of expired backups would leave as many directories; one that is in use refuses to go.
        with contextlib.suppress(OSError):
            while len(directory) > len(self._root):
                above = os.path.dirname(directory)
                if _is_shared(directory) and not _is_shared(above):
                    return  # somebody made it for two accounts, of which one cannot make it again
                os.rmdir(directory)
                directory = above
                disk.sync_directory(directory)

    def _walk(self, directory: str, prefix: str, after: str) -> Iterator[base.ObjectInfo]:
        """
        Yield what lies below `directory` (empty, or ending with a slash), in the order of whole names, after `after`.

        What is neither file nor directory is an error: left out, whatever it stands for would seem not to be there.
        """
        path = os.path.join(self._root, directory)
        with disk.explained(path.rstrip("/")):
            try:
                with os.scandir(path) as found:
                    entries = sorted((_key(entry), entry) for entry in found)
            except FileNotFoundError:
                return
        for key, entry in entries:
            name = directory + key
            if entry.name.startswith(base.RESERVED) or not name.startswith(prefix):
                continue
            if key.endswith("/"):
                if name > after or after.startswith(name):
                    yield from self._walk(name, prefix, after)
                continue
            if name <= after:
                continue
            with disk.explained(entry.path), contextlib.suppress(FileNotFoundError):
                yield _info(name, _regular(entry.path, entry.stat(follow_symlinks=False)))

    def _path(self, name: str) -> str:
        """Return the path of an object. Raise StoreError when a symbolic link on the way leads somewhere else."""
        path = self._root
        for segment in base.check_name(name).split("/"):
            path = os.path.join(path, segment)
            if os.path.islink(path):
                raise _strange(path, "a symbolic link")
        return path

    def _stat(self, name: str, path: str) -> os.stat_result:
        self._check_root()
        with disk.explained(path):
            try:
                found = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                found = None
        if found is None or stat.S_ISDIR(found.st_mode):
            raise NotFound(f"{self.url} does not contain the object {name}.", name=name)
        return _regular(path, found)

    def _check_root(self) -> None:
        if not os.path.isdir(self._root):
            raise StoreError(
                f"The store's directory {self._root} does not exist.",
                "Mount it, or create the directory for the user who runs this.",
                path=self._root,
            )


class _Source:
    """Hands on blocks, and knows whether any was asked for: until then a write may start anew."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.started = False

    def __iter__(self) -> Iterator[bytes]:
        self.started = True
        return iter(self._chunks)


def _is_shared(directory: str) -> bool:
    try:
        return os.stat(directory).st_mode & SHARED == SHARED
    except OSError:  # whoever uses it next is told
        return False


def _fail(error: OSError) -> None:
    # A directory that goes while it is looked at held nothing any more.
    if not isinstance(error, FileNotFoundError):
        raise error


def _key(entry: os.DirEntry[str]) -> str:
    """What to sort by: a directory's content stands where its name with the slash would."""
    return entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name


def _regular(path: str, found: os.stat_result) -> os.stat_result:
    """Return `found` if it is of a file. Raise StoreError otherwise."""
    if stat.S_ISLNK(found.st_mode):
        raise _strange(path, "a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        raise _strange(path, "neither a file nor a directory")
    return found


def _strange(path: str, what: str) -> StoreError:
    return StoreError(
        f"{path} is {what}.",
        "Replace it by a directory or a regular file, or remove it; a store may contain nothing else.",
        path=path,
    )


def _info(name: str, found: os.stat_result) -> base.ObjectInfo:
    return base.ObjectInfo(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
