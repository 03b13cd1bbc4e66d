# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Questions to the database of a running application, by a role that may do no more than the application.

Each is one statement in a transaction that is rolled back. Whoever owns a table runs code in the sessions that use it,
so a role that may do more than it was granted, such as a superuser, asks nothing here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground import cutoff
from ....ground.errors import MissingLibrary, RecoveryError, UsageError, rebuilt
from ....ground.printing import printable, shortened
from ....ground.units import human_duration
from . import checks, server
from .connection import connect, execute, permit_views, single

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..base import Check
    from .connection import Connection
    from .login import Login

LONGEST = 60
"""Letters of an answer that are told."""

READ_ONLY = "25006"
"""What PostgreSQL answers to a write where nothing may be written."""


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseQuestion:
    """
    Whether a query gives what is expected. One that `writes` is rolled back, and with `refused` it is as wanted only
    when the server refuses it, because it takes no writes.
    """

    database: str
    check: Check
    login: Login
    writes: bool = False
    refused: bool = False

    @property
    def changes(self) -> bool:
        """Whether asking may change something: a sequence goes on, though the rest is rolled back."""
        return self.writes

    @property
    def wanted(self) -> str:
        query = f"{shortened(self.check.query, LONGEST)!r} in database {self.database}"
        if self.refused:
            return f"{query} is refused, because nothing may be written"
        if self.check.minimum is not None:
            return f"{query} gives at least {self.check.minimum:g}"
        return f"{query} succeeds" if self.check.expect is None else f"{query} gives {_shown(self.check.expect)}"

    def ask(self, timeout: float, environ: Mapping[str, str]) -> str:
        """
        Return what came instead, an empty string for what is wanted.

        Raise UsageError when the role may do too much, and MissingLibrary.
        """
        try:
            told = cutoff.within(timeout, lambda: self._told(timeout), environ)
        except TimeoutError:
            return f"no answer within {human_duration(timeout)}"
        except (OSError, EOFError) as exc:
            return f"no answer: the process that asked ended early ({type(exc).__name__})"
        if isinstance(told, str):
            return told
        error = rebuilt(told)
        if isinstance(error, UsageError | MissingLibrary):
            raise error
        return error.cause.rstrip(".")

    def _told(self, timeout: float) -> str | dict[str, t.Any]:
        """Return the answer, or the record of an error, which crosses to another process."""
        try:
            with contextlib.closing(connect(self.login, self.database, read_only=not self.writes)) as connection:
                _refuse_powers(connection)
                permit_views(connection)
                return self._answer(connection, timeout)
        except RecoveryError as exc:
            if self.refused and exc.details.get("sqlstate") == READ_ONLY:
                return ""
            return exc.record()

    def _answer(self, connection: Connection, timeout: float) -> str:
        # As the application has them: what its role and its database are set to.
        execute(connection, "RESET row_security")
        if self.writes:
            execute(connection, "RESET default_transaction_read_only")
        execute(connection, "BEGIN")
        try:
            execute(connection, f"SET LOCAL statement_timeout = {max(int(timeout * 1000), 1)}")
            execute(connection, "SET LOCAL search_path = public, pg_catalog")
            found = checks.answer(single(connection, self.check.query))
            if self.writes:
                execute(connection, "SET CONSTRAINTS ALL IMMEDIATE")
        finally:
            execute(connection, "ROLLBACK")
        if self.refused:
            return "the server took it"
        if self.check.expect is None and self.check.minimum is None:
            return ""
        return "" if checks.fits(self.check, found) else f"{_shown(found)}"


def _refuse_powers(connection: Connection) -> None:
    login, power = server.power(connection)
    if power:
        raise UsageError(
            f"Role {login!r} {power}, and a check runs code of the database's owners with its rights.",
            "Set login_user of the check to the role of the application, or to one that may only read its tables.",
            field="login_user",
        )


def _shown(value: t.Any) -> str:
    return shortened(printable(str(value)), LONGEST)
