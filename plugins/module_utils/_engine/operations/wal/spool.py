# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a host remembers between two calls of wal-push: which files are stored, and who may open them.

A call pushes files that the server will ask for next. For each it leaves a note, so that the next call has nothing to
do. A name is used again by another server, and its file again under another name: a note is of one file, as it was, and
of the settings by which it was stored.

This is read before anything is imported: it must not import more than it has to.
"""

from __future__ import annotations

import os

from ...ground.host_state import WAL_NOTE

TYPE_CHECKING = False  # as typing has it, which takes as long to import as all the rest
if TYPE_CHECKING:
    from collections.abc import Collection


class Spool:
    """The notes in `directory`, about files stored as the settings in the file `settings` say."""

    def __init__(self, directory: str, settings: str) -> None:
        self.directory = directory
        self._settings = settings

    def stored(self, path: str) -> bool:
        """Whether a file was stored, as it is now. The note is gone after that: the server asks once."""
        note = self._note(os.path.basename(path))
        try:
            with open(note, encoding="ascii") as file:
                same = file.read() == self.state(path)
        except OSError:
            return False
        os.unlink(note)
        return same

    def has(self, name: str) -> bool:
        """Whether there is a note about a file of this name."""
        return os.path.exists(self._note(name))

    def note(self, name: str, state: str) -> None:
        """Write that the file of this name is stored, as it was in that `state`."""
        note = self._note(name)
        with open(f"{note}.tmp", "w", encoding="ascii") as file:
            file.write(state)
        os.replace(f"{note}.tmp", note)

    def state(self, path: str) -> str:
        """Return what tells a file from every other one, and from itself with another content."""
        file, settings = os.stat(path), os.stat(self._settings)
        return (
            f"{file.st_dev} {file.st_ino} {file.st_size} {file.st_mtime_ns} "
            f"{settings.st_dev} {settings.st_ino} {settings.st_mtime_ns}\n"
        )

    def tidy(self, asked: Collection[str]) -> None:
        """Remove the notes about files that the server will not ask for any more."""
        kept = {WAL_NOTE.leaf(file=name) for name in asked}
        ending = WAL_NOTE.leaf(file="")
        for name in os.listdir(self.directory):
            if name.endswith(ending) and name not in kept:
                os.unlink(os.path.join(self.directory, name))

    def _note(self, name: str) -> str:
        return os.path.join(self.directory, WAL_NOTE.leaf(file=name))
