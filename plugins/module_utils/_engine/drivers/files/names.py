# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Names of files as bytes: how they are shown to people, and how a directory tree is walked without following links.

A name below a root is a byte string such as b"etc/app.conf"; the root itself is b".". Names are bytes
all the way, because a file system keeps bytes and a decoded name may not lead back to its file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import typing as t

from ...ground import disk
from ...ground.errors import Busy
from ...ground.printing import printable

if t.TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = b"."

MOST_RUNGS = 128
"""Directories that one walk holds open; programs may have about a thousand."""

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def shown(name: bytes | str) -> str:
    """Return a name as printable text: one line, and valid UTF-8 whatever the name holds."""
    return printable(os.fsencode(name).decode("utf-8", "backslashreplace"))


def below(parent: bytes, name: bytes) -> bytes:
    """Join a name in the tree and a name below it; either may be the root."""
    if name == ROOT:
        return parent
    return name if parent == ROOT else parent + b"/" + name


def split(name: bytes) -> tuple[bytes, bytes]:
    """Return the parent directory's name in the tree and the entry's own."""
    parent, _slash, own = name.rpartition(b"/")
    return parent or ROOT, own


class Ladder:
    """
    Opens directories of the tree below the descriptor `root`, one after another, each from what is open above it, and
    follows no link.

    Whoever opens each from the root opens all above it again: twice the levels would be four times the work. Some
    directories on the way to the last one stay open, the more of them the nearer they are.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._rungs: list[tuple[bytes, int, int]] = []  # name, level, descriptor

    def open(self, name: bytes) -> int:
        """Return the open directory `name`; it stays open until the next is asked for. Raise OSError as it comes."""
        while self._rungs and not _leads_to(self._rungs[-1][0], name):
            os.close(self._rungs.pop()[2])
        above, level, handle = self._rungs[-1] if self._rungs else (ROOT, 0, self._root)
        if above == name and self._rungs:
            return handle
        rest = name if above == ROOT else name[len(above) + 1 :]
        for part in rest.split(b"/"):
            handle = os.open(part, DIRECTORY, dir_fd=handle)
            above, level = below(above, part) if part != ROOT else above, level + 1
            self._keep(above, level, handle)
        return handle

    def close(self) -> None:
        """Let go of all."""
        while self._rungs:
            os.close(self._rungs.pop()[2])

    def _keep(self, name: bytes, level: int, handle: int) -> None:
        """Hold one more; when there are too many, every second goes of those above, then every fourth, and so on."""
        self._rungs.append((name, level, handle))
        if len(self._rungs) <= MOST_RUNGS:
            return
        kept = []
        for rung in self._rungs:
            if rung[1] % (1 << max(((level - rung[1]) // 8).bit_length() - 1, 0)):
                os.close(rung[2])
            else:
                kept.append(rung)
        self._rungs = kept


def _leads_to(above: bytes, name: bytes) -> bool:
    return above in {ROOT, name} or name.startswith(above + b"/")


def explained(path: bytes | str) -> contextlib.AbstractContextManager[None]:
    """Turn what the operating system refuses into sentences that name the path, whatever bytes it holds."""
    return disk.explained(shown(path))


@contextlib.contextmanager
def steady(path: bytes, place: bytes = ROOT) -> Iterator[None]:
    """For something that was there a moment ago: gone, or a link now, is Busy; otherwise as `explained`."""
    whole = path if place == ROOT else path + b"/" + place
    with explained(whole):
        try:
            yield
        except OSError as exc:
            if exc.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                raise changed(whole, "disappeared or was replaced") from exc
            raise


def changed(name: bytes, how: str) -> Busy:
    """Return the error for an entry that did not stay what it was."""
    return Busy(
        f"{shown(name)} {how} while it was read, so the archive would be inconsistent.",
        "Stop the program that writes to it or exclude it, and run again.",
        path=shown(name),
    )
