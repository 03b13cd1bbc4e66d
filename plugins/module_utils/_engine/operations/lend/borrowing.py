# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The restore's side of a loan: a connection that is held as long as the restore runs, and over it the rights."""

from __future__ import annotations

import contextlib
import os
import socket
import typing as t

from ...ground import disk
from ...ground.errors import DatabaseError, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_ANSWER = 1 << 16


class Borrower:
    """Asks for the rights over `connection`; without one, the role needs no more than it has."""

    def __init__(self, connection: socket.socket | None = None) -> None:
        self._connection = connection

    @property
    def lends(self) -> bool:
        """Whether there is somebody to borrow from."""
        return self._connection is not None

    @contextlib.contextmanager
    def rights(self) -> Iterator[bool]:
        """Have the superuser's rights while the block runs. Yield False when there was nothing to borrow."""
        if self._connection is None:
            yield False
            return
        self._ask("lend")
        try:
            yield True
        finally:
            # If the lender is gone, so are the rights; what it could not take back, it says itself.
            with contextlib.suppress(DatabaseError):
                self._ask("return")

    def _ask(self, word: str) -> None:
        if self._connection is None:
            return
        try:
            self._connection.sendall(f"{word}\n".encode())
            with self._connection.makefile("rb") as answers:
                answer = answers.readline(_LONGEST_ANSWER).decode("utf-8", "replace").strip()
        except OSError as exc:
            answer = str(exc)
        if answer != "ok":
            raise DatabaseError(f"A superuser's rights were not lent to this restore. {answer}".strip())


@contextlib.contextmanager
def borrowing(path: str) -> Iterator[Borrower]:
    """Hold the loan whose socket is at `path` while the block runs; with an empty path there is none."""
    if not path:
        yield Borrower()
        return
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            with disk.closing(os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as handle:
                connection.connect(f"/proc/self/fd/{handle}/{os.path.basename(path)}")
        except OSError as exc:
            raise UsageError(
                f"There is no loan at {path}: {exc.strerror or exc}.",
                "Open a loan with module restore_loan, and run again.",
                field="loan",
            ) from exc
        yield Borrower(connection)
