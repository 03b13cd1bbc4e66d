# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A user's own questions to a restored database: does the data make sense to those who know it?

Every query runs in a read-only transaction with a time limit, in the session of a login that may read and nothing else.
"""

from __future__ import annotations

import dataclasses
import decimal
import math
import typing as t

from ....ground.errors import RecoveryError, UsageError
from ....ground.units import human_duration
from ..base import Check
from . import server
from .connection import execute, qualified, rows
from .members import Scope

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .connection import Connection


@dataclasses.dataclass(frozen=True, slots=True)
class CriticalTable:
    """A table that must be there with rows: `schema.table`."""

    name: str
    minimum_rows: int = 1


def parse(
    checks: t.Iterable[Mapping[str, t.Any]], tables: t.Iterable[Mapping[str, t.Any]], database: str = ""
) -> tuple[Check, ...]:
    """
    Read what a user wrote for `database`; an entry that names another one is left out.

    Raise UsageError on a check that checks nothing.
    """
    found = [
        Check(
            check.get("name") or check.get("query") or "",
            check.get("query") or "",
            check.get("expect"),
            check.get("minimum"),
        )
        for check in _meant_for(database, checks)
    ]
    for check in found:
        if not check.query or (check.expect is None) == (check.minimum is None):
            raise UsageError(
                f"The check {check.name!r} needs a query, and either expect or minimum.",
                "Set query, and one of expect and minimum.",
                field="checks",
            )
    return (*found, *(_of_table(CriticalTable(**table)) for table in _meant_for(database, tables)))


def parse_named(
    checks: t.Iterable[Mapping[str, t.Any]], tables: t.Iterable[Mapping[str, t.Any]]
) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """
    Read what a user wrote for a whole server: each entry as a check of the database that it names, and what is to be
    said of those that name none. Raise UsageError as `parse` does.
    """
    checks, tables = list(checks), list(tables)
    names = dict.fromkeys(entry["database"] for entry in (*checks, *tables) if entry.get("database"))
    found = [
        dataclasses.replace(check, part=name)
        for name in names
        for check in parse(
            [entry for entry in checks if entry.get("database") == name],
            [entry for entry in tables if entry.get("database") == name],
            name,
        )
    ]
    unnamed = [
        entry.get("name") or entry.get("query") or "" for entry in (*checks, *tables) if not entry.get("database")
    ]
    return tuple(found), tuple(f"The check {name!r} names no database, so it was not asked." for name in unnamed)


def _meant_for(database: str, entries: t.Iterable[Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    return [
        {key: value for key, value in entry.items() if key != "database"}
        for entry in entries
        if entry.get("database") in {None, database}
    ]


def run(connection: Connection, check: Check, *, timeout: float) -> dict[str, t.Any]:
    """Run one check; the connection stays usable whatever it does. Return `name passed found wanted`."""
    wanted = f"at least {check.minimum:g}" if check.minimum is not None else check.expect
    result = {"name": check.name, "wanted": wanted}
    try:
        found = _ask(connection, check, timeout)
    except RecoveryError as exc:
        error = exc.cause
        if exc.details.get("sqlstate") == _CANCELED:
            error = f"It took longer than check_timeout ({human_duration(timeout)}), or was canceled."
        return {**result, "passed": False, "found": None, "error": error}
    return {**result, "passed": fits(check, found), "found": found}


def fits(check: Check, found: t.Any) -> bool:
    """Whether an answer is the one that is expected."""
    if check.minimum is not None:
        return isinstance(found, int | float) and not isinstance(found, bool) and found >= check.minimum
    return bool(found == check.expect) or (isinstance(check.expect, str) and str(found) == check.expect)


def _ask(connection: Connection, check: Check, timeout: float) -> t.Any:
    execute(connection, "BEGIN READ ONLY")
    try:
        execute(connection, f"SET LOCAL statement_timeout = {int(timeout * 1000)}")
        execute(connection, "SET LOCAL search_path = public, pg_catalog")
        found = rows(connection, check.query)
    finally:
        execute(connection, "ROLLBACK")
    return answer(found)


def answer(found: t.Iterable[t.Iterable[t.Any]]) -> t.Any:
    """Return what a query gave as JSON and YAML know it: the value where it gave one, else rows."""
    plain = [[_plain(value) for value in row] for row in found]
    return plain[0][0] if len(plain) == 1 and len(plain[0]) == 1 else plain


def _of_table(table: CriticalTable) -> Check:
    schema, name = Scope.of((), [table.name]).tables[0]
    query = f"SELECT count(*) FROM {qualified(schema, name)}"  # noqa: S608 - quoted
    return Check(f"rows of {table.name}", query, minimum=table.minimum_rows)


def _plain(value: t.Any) -> t.Any:
    """Return a value as JSON and YAML know it: what is no finite number there is text, and at least nothing."""
    if isinstance(value, decimal.Decimal | float) and not math.isfinite(value):
        return str(decimal.Decimal(value))
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


_CANCELED = "57014"


def refuse_powers(connection: Connection, database: str) -> None:
    """Raise UsageError where this session's login may do more than read what it was granted."""
    login, power = server.power(connection)
    if power:
        raise UsageError(
            f"Checks in the database {database!r} can run code of its owners, and role {login!r} {power}.",
            "Set login_user to a role that may only read these tables, or omit target_db to use a scratch cluster.",
            field="login_user",
        )
