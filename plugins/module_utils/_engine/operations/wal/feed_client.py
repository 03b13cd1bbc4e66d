# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The server's side of a feed (feeding.py): what its restore_command does. It imports next to nothing.
"""

from __future__ import annotations

import os
import socket
import sys

FOUND = 0
ABSENT = 1
FAILED = 200
"""More than 125, by which PostgreSQL stops a recovery; all else it takes for the end of the log."""

LONGEST = 100
"""Bytes of a path that fits into the address of a socket."""

FILES = "files"
"""Where a feed puts what was asked for; the server's user may write there, and nowhere else in its directory."""


def address(directory: str) -> str:
    """Return the path of a feed's socket."""
    return os.path.join(directory, "socket")


def at(listening: socket.socket, path: str, use: str) -> None:
    """Bind or connect a socket to a path, however long that is: an address has 108 bytes."""
    directory, name = os.path.split(path)
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        getattr(listening, use)(f"/proc/self/fd/{handle}/{name}" if len(os.fsencode(path)) > LONGEST else path)
    finally:
        os.close(handle)


def ask(directory: str, name: str, destination: str) -> int:
    """Ask a feed for a file, move it to `destination`, and return the status of restore_command; it never raises."""
    try:
        if name != os.path.basename(name):
            return FAILED
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            at(connection, address(directory), "connect")
            connection.sendall(f"{name}\n".encode())
            answer = connection.recv(16)
        status = int(answer or FAILED)  # nothing, where the feed ended
        if status == FOUND:
            _move(os.path.join(directory, FILES, name), destination)
    except (OSError, ValueError):
        return FAILED
    return status if status in {FOUND, ABSENT} else FAILED


def _move(source: str, destination: str) -> None:
    try:
        os.rename(source, destination)
    except OSError:  # pg_wal may be a link to another file system
        with open(source, "rb") as read, open(f"{destination}.lifeboat", "wb") as write:
            while block := read.read(1 << 20):
                write.write(block)
        os.rename(f"{destination}.lifeboat", destination)
        os.unlink(source)


if __name__ == "__main__":  # a copy of this file is all that a server needs
    os._exit(ask(*sys.argv[1:]))
