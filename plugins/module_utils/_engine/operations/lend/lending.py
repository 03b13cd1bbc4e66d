# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: lend one restore a superuser's rights and a key that opens, for as long as it runs and not a moment longer.

The lender runs as root beside the restore, which holds a connection to its socket as long as it lives, and asks over it
for the rights when it is about to change something. When the connection ends, however it ends, all is taken back. The
rights are those of one role of one server, so they stay while another restore has them too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import re
import socket
import typing as t

from ...ground import disk
from ...ground.errors import Busy, RecoveryError, UsageError
from ...ground.model import Outcome
from .ledger import Ledger, Loan, address

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...ground.model import World

STEP = 0.2
"""Seconds between two looks whether a loan has ended."""

_LONGEST_WORD = 64


@dataclasses.dataclass(frozen=True, slots=True)
class LoanRequest:
    """
    What is lent to the run called `run`, and who may ask for it: `user`, of the operating system.

    `directory` is root's; the loans lie in it. `patience` is how many seconds the lender waits for the restore to come,
    and how many one who closes a loan waits for its end.
    """

    directory: str
    user: str
    loan: Loan
    patience: float


def open_loan(request: LoanRequest, world: World) -> Outcome:
    """Lend until the borrower is gone. Return what was lent; raise DatabaseError when it cannot be taken back."""
    _check(request)
    if request.patience <= 0:
        raise UsageError("patience must be positive.", "Set a duration such as 5m.", field="patience")
    if world.dry_run:
        return Outcome(changed=False, facts={"lent": False})
    ledger = Ledger(request.directory)
    with ledger.entered(request.loan) as entry, _listening(request) as server:
        server.settimeout(request.patience)
        try:
            connection, _peer = server.accept()
        except TimeoutError:
            return Outcome(changed=False, facts={"lent": False})
        # The restore may be silent for hours: only its end ends this.
        connection.settimeout(None)
        with connection:
            lent = _serve(connection, ledger, entry)
    return Outcome(changed=False, facts={"lent": lent})


def close_loan(request: LoanRequest, world: World) -> Outcome:
    """End a loan, and whatever dead runs had borrowed. Raise Busy when its restore still runs."""
    _check(request)
    if world.dry_run:
        return Outcome(changed=False, facts={"lent": False})
    ledger = Ledger(request.directory)
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client, _opened(request.directory) as directory:
        # Who waits for a borrower that never came takes this one for it, and ends.
        client.connect(address(directory, request.loan.run))
    waited = 0.0
    while ledger.lives(request.loan.run):
        if waited >= request.patience:
            raise Busy(
                f"The restore {request.loan.run} is still running on this host and keeps what was lent to it.",
                "It is revoked when the restore ends; lifeboat status shows its progress.",
            )
        world.sleep(STEP)
        waited += STEP
    ledger.sweep()
    return Outcome(changed=False, facts={"lent": False})


def _serve(connection: socket.socket, ledger: Ledger, entry: int) -> bool:
    """Answer until the other side is gone. Tell whether the rights were lent at any time."""
    lent = False
    with connection.makefile("rb") as words:
        while word := words.readline(_LONGEST_WORD):
            try:
                if word == b"lend\n":
                    ledger.lend(entry)
                    lent = True
                elif word == b"return\n":
                    ledger.give_back(entry)
                answer = "ok"
            except RecoveryError as exc:
                answer = str(exc).replace("\n", " ")
            with contextlib.suppress(OSError):
                connection.sendall(answer.encode() + b"\n")
    return lent


@contextlib.contextmanager
def _listening(request: LoanRequest) -> Iterator[socket.socket]:
    """Yield a socket to which only the borrower's user can connect."""
    with _opened(request.directory) as directory, socket.socket(socket.AF_UNIX) as server:
        path = address(directory, request.loan.run)
        before = os.umask(0o177)
        try:
            server.bind(path)
        finally:
            os.umask(before)
        try:
            os.chown(path, pwd.getpwnam(request.user).pw_uid, -1)
            server.listen(4)
            yield server
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    """Yield a descriptor of a directory: the name of a socket below it then has no length that matters."""
    with disk.explained(path):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with disk.closing(handle):
        yield handle


def _check(request: LoanRequest) -> None:
    if not re.fullmatch(r"[0-9a-f]{8,64}", request.loan.run, re.ASCII):
        raise UsageError(
            f"The run {request.loan.run!r} is not a loan's name.", "Use 8 to 64 hexadecimal digits.", field="run"
        )
    if os.geteuid() != 0:
        raise UsageError("Only root can lend a superuser's rights.", "Run with become: true.", field="user")
    for field, name in (("user", request.user), ("postgres_user", request.loan.postgres_user)):
        try:
            pwd.getpwnam(name)
        except KeyError as exc:
            raise UsageError(
                f"The operating system has no user {name!r}.", f"Correct {field}, or create the user.", field=field
            ) from exc
