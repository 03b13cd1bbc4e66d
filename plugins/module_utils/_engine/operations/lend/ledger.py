# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What is lent to which restore on this host: a file for each loan, which its lender keeps locked as long as it lives.

A file that nobody locks is a dead run's, and whoever comes next takes back what it had borrowed. The rights of a role
are taken when nobody alive has them any more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pwd
import typing as t

from ...drivers.components.postgres import psql
from ...ground import disk
from ...ground.errors import DatabaseError, ProcessFailed, RecoveryError, UsageError
from ...ground.host_state import LOAN, LOAN_SOCKET, LOANS_LOCK

if t.TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX = LOAN.leaf(run="")
_LENGTH = 16 << 10
"""Bytes of each file: more than the two longest paths."""


@dataclasses.dataclass(frozen=True, slots=True)
class Loan:
    """
    What one run borrows: the rights for `role` of the server behind `unix_socket` and `port`, none without a role, and
    the key in `key_file`. `lent` tells whether it has the rights now, or, in a dead run's file, may have them.
    """

    run: str
    role: str = ""
    postgres_user: str = "postgres"
    unix_socket: str = "/var/run/postgresql"
    port: int = 5432
    key_file: str = ""
    lent: bool = False

    def same_rights(self, other: Loan) -> bool:
        """Whether both are about the same role of the same server."""
        mine, theirs = ((loan.role, os.path.realpath(loan.unix_socket), loan.port) for loan in (self, other))
        return mine == theirs


class Ledger:
    """The loans in `directory`, which is made when it is not there. Only root can write into it."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        with disk.explained(directory):
            with contextlib.suppress(FileExistsError):
                os.mkdir(directory)
                os.chmod(directory, 0o755)  # noqa: S103 - others find the socket that is meant for them
            found = os.stat(directory)
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise UsageError(
                f"The directory {directory} is accessible to users other than root.",
                f"Run: chown root {directory}; chmod 0755 {directory}",
                field="directory",
            )

    @contextlib.contextmanager
    def entered(self, loan: Loan) -> Iterator[int]:
        """Enter `loan` for as long as the block runs, and give its handle. Afterwards nothing of it is lent."""
        path = self._path(loan.run)
        with self._mutex():
            self._sweep()
            with disk.explained(path):
                entry = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            fcntl.flock(entry, fcntl.LOCK_EX)
            _write(entry, loan)
        with disk.closing(entry):
            try:
                yield entry
            finally:
                _remove_key(loan)
                self.give_back(entry)
                os.unlink(path)

    def lend(self, entry: int) -> None:
        """Lend the rights, unless the role has them of its own. Raise DatabaseError when the server refuses."""
        with self._mutex():
            loan = _read(entry)
            if not loan.role:
                return
            if not self._others(loan) and _is_superuser(loan):
                return
            # First written, then given: a dead run's file must never say less than what is lent.
            _write(entry, dataclasses.replace(loan, lent=True))
            _alter(loan, "SUPERUSER")

    def give_back(self, entry: int) -> None:
        """Take the rights back, unless another living run has them too."""
        with self._mutex():
            loan = _read(entry)
            if loan.lent and not self._others(loan):
                _alter(loan, "NOSUPERUSER")
            _write(entry, dataclasses.replace(loan, lent=False))

    def sweep(self) -> None:
        """Take back what dead runs borrowed. Raise DatabaseError when the server does not let it."""
        with self._mutex():
            self._sweep(tolerant=False)

    def lives(self, run: str) -> bool:
        """Whether the lender of `run` is there."""
        found = self._dead(self._path(run))
        if found is not None:
            os.close(found)
        return found is None and os.path.exists(self._path(run))

    def _sweep(self, *, tolerant: bool = True) -> None:
        for path in self._paths():
            entry = self._dead(path)
            if entry is None:
                continue
            with disk.closing(entry):
                try:
                    self._bury(path, _read(entry))
                except RecoveryError:
                    # The server is down, or says no: the file stays, so that the next one tries again.
                    if not tolerant:
                        raise

    def _bury(self, path: str, loan: Loan) -> None:
        _remove_key(loan)
        if loan.lent and not self._others(loan):
            _alter(loan, "NOSUPERUSER")
        for left in (path, path.removesuffix(SUFFIX) + LOAN_SOCKET.leaf(run="")):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(left)

    def _others(self, loan: Loan) -> bool:
        """Whether a living run other than that of `loan` has the same rights."""
        for path in self._paths():
            if path == self._path(loan.run):
                continue
            entry = self._dead(path)
            if entry is not None:
                os.close(entry)
                continue
            with (
                contextlib.suppress(OSError, RecoveryError),
                disk.closing(os.open(path, os.O_RDONLY | os.O_CLOEXEC)) as handle,
            ):
                other = _read(handle)
                if other.lent and other.same_rights(loan):
                    return True
        return False

    def _dead(self, path: str) -> int | None:
        """Return a handle, locked, of a dead run's file; None for a living one's, or for none."""
        try:
            entry = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(entry, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(entry)
            return None
        return entry

    def _paths(self) -> list[str]:
        return [self._path(name.removesuffix(SUFFIX)) for name in _names(self._directory)]

    def _path(self, run: str) -> str:
        return os.path.join(self._directory, LOAN.leaf(run=run))

    @contextlib.contextmanager
    def _mutex(self) -> Iterator[None]:
        path = os.path.join(self._directory, LOANS_LOCK.leaf())
        with disk.explained(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with disk.closing(handle):
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def address(directory: int, run: str) -> str:
    """Return the address of a loan's socket, below a descriptor of the ledger's directory."""
    return f"/proc/self/fd/{directory}/{LOAN_SOCKET.leaf(run=run)}"


def abandoned(directory: str) -> list[str]:
    """Return the files of the loans in `directory` whose lender is dead. Who can read them may ask."""
    found: list[str] = []
    with contextlib.suppress(OSError):
        for name in _names(directory):
            with open(os.path.join(directory, name), "rb") as file, contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                found.append(os.path.join(directory, name))
    return found


def _remove_key(loan: Loan) -> None:
    if loan.key_file:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(loan.key_file)


def _names(directory: str) -> list[str]:
    return sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX))


def _read(entry: int) -> Loan:
    try:
        return Loan(**json.loads(os.pread(entry, _LENGTH, 0)))
    except (ValueError, TypeError) as exc:
        # Its maker died before it had written: then nothing was lent.
        if os.fstat(entry).st_size == 0:
            return Loan("0" * 8)
        raise UsageError("A file of the loans is corrupted.", "Revoke the loan by hand, and remove it.") from exc


def _write(entry: int, loan: Loan) -> None:
    data = json.dumps(dataclasses.asdict(loan)).encode()
    # Blanks make all of one length, so that one write leaves the one or the other and no mixture.
    os.pwrite(entry, data.ljust(_LENGTH), 0)
    os.fsync(entry)


def _is_superuser(loan: Loan) -> bool:
    name = loan.role.replace("'", "''")
    return _ask(loan, f"SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = '{name}'") == "t"  # noqa: S608


def _alter(loan: Loan, what: str) -> None:
    name = loan.role.replace('"', '""')
    _ask(loan, f'ALTER ROLE "{name}" {what}')


def _ask(loan: Loan, statement: str) -> str:
    """Run a statement as the server's superuser. Raise DatabaseError that says what could not be done."""
    owner = pwd.getpwnam(loan.postgres_user)
    prefix = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--init-groups", "--"]
    where = psql.conninfo({"host": loan.unix_socket, "port": loan.port, "dbname": "postgres"})
    try:
        return psql.ask(where, statement, prefix=prefix)
    except ProcessFailed as exc:
        raise DatabaseError(
            f"The rights of role {loan.role} could not be changed as {loan.postgres_user}: {exc.cause}",
            f'Fix that; if a restore had them, run as a superuser: ALTER ROLE "{loan.role}" NOSUPERUSER',
            role=loan.role,
        ) from exc
