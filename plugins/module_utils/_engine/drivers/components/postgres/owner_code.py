# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Changes to a table whose triggers, checks and defaults are code of its owner: it runs with the owner's rights alone.

A statement is run by a function that belongs to the owner and has his rights (SECURITY DEFINER): in there, PostgreSQL
lets nobody take other rights. Each function is called once, since its owner may alter it. What could be put off from
there to the end of the transaction, where it would have our rights, is made to happen there, or refused: deferred
triggers, and cursors that outlive the transaction. And our own statements in that session find nothing that he may have
left for them: neither a search path nor, in the temporary schema, a type of a usual name.
"""

from __future__ import annotations

import contextlib
import secrets
import typing as t

from ....ground.errors import DatabaseError
from . import session
from .connection import execute, one, qualified, quote_identifier, quote_literal, rows, text_encoding

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from .connection import Connection

LOCK_TIMEOUT = 10_000
"""Milliseconds that are waited for a lock."""

QUEUES_ROLES = 180000
"""The version from which PostgreSQL runs a deferred trigger with the rights of who caused it."""

_IN_USE = "55006"


def prepare(connection: Connection) -> None:
    """
    Set a session up, again where code of others ran in it: nothing that this code may have set has a say in it.

    PostgreSQL looks for types in the temporary schema first, unless that is named last.
    """
    changes = {"client_encoding": text_encoding(connection), "search_path": "pg_catalog, pg_temp"}
    execute(connection, session.preparation(changes | {"lock_timeout": str(LOCK_TIMEOUT)}))


class OwnerCode:
    """Runs statements in the transaction of a session that was prepared, each with the rights of a table's owner."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, owner: str, statement: str, *, last: bool) -> int:
        """
        Run a statement, and return how many rows it changed; with `last`, what it put off happens too.

        Raise DatabaseError when it fails, or the owner may not read what we hand over.
        """
        name = self._make(owner)
        # Types that leave no choice between this function and others of its name.
        call = f"SELECT {name}(%s::pg_catalog.text, %s::pg_catalog.bool)"
        done = int(one(self._connection, call, [statement, last]) or 0)
        prepare(self._connection)
        return done

    def _make(self, owner: str) -> str:
        if not one(self._connection, "SELECT has_database_privilege(%s, current_database(), 'TEMP')", [owner]):
            database = self._connection.info.dbname
            raise DatabaseError(
                f"The role {owner} may not use temporary tables in database {database!r}, by which the rows are handed "
                "over to it.",
                f"For the time of the rescue: GRANT TEMPORARY ON DATABASE {quote_identifier(database)} TO "
                f"{quote_identifier(owner)}.",
            ).naming(owner)
        name = f"pg_temp.lifeboat_{secrets.token_hex(8)}"
        path = quote_literal(one(self._connection, _PATH, [owner] * 2) or _USUAL)
        execute(self._connection, _FUNCTION.format(name=name, path=path, restriction=session.RESTRICTION))
        execute(self._connection, f"ALTER FUNCTION {name} OWNER TO {quote_identifier(owner)}")
        return name

    def refuse_postponed(self, owners: Collection[str]) -> None:
        """
        Leave nothing to the end of the transaction that would run there with other rights than those of its `owners`.

        Raise DatabaseError when there is something, or nobody can tell.
        """
        execute(self._connection, "CLOSE ALL")
        itself = [(owner, "off") for owner in owners] == rows(self._connection, _WHO)
        if itself or self._connection.info.server_version >= QUEUES_ROLES:
            return
        for schema, name in rows(self._connection, _DEFERRING):
            label = qualified(schema, name)
            try:
                with self._undone():
                    # It refuses a table for which a trigger still has to run, before it does anything at all.
                    execute(self._connection, f"ALTER TABLE {label} RESET (parallel_workers)")
            except DatabaseError as exc:
                if exc.details.get("sqlstate") in _HARMLESS:
                    continue
                raise DatabaseError(
                    f"A deferred trigger of {label} would run at the end of the transaction, with other rights than "
                    "its owner's.",
                    "Nothing was changed. Set triggers: off, or look at what the triggers of the tables do.",
                ).naming(label) from exc

    @contextlib.contextmanager
    def _undone(self) -> Iterator[None]:
        execute(self._connection, "SAVEPOINT lifeboat")
        try:
            yield
        finally:
            execute(self._connection, "ROLLBACK TO SAVEPOINT lifeboat")
            execute(self._connection, "RELEASE SAVEPOINT lifeboat")


_HARMLESS = frozenset({"42809", "0A000", "22023"})
"""What is said of relations that have no such setting, after it was seen that no trigger waits."""

_USUAL = '"$user", public'

# The settings are what a session of the owner would have; those of the caller are back at the end.
_FUNCTION = """
CREATE FUNCTION {name}(statement text, last boolean) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = on AS $lifeboat$
DECLARE done bigint;
BEGIN
    PERFORM pg_catalog.set_config('search_path', {path}, true);
    PERFORM pg_catalog.set_config(s.name, '', true) FROM pg_catalog.pg_settings AS s
      WHERE s.name OPERATOR(pg_catalog.=) '{restriction}';
    EXECUTE statement;
    GET DIAGNOSTICS done = ROW_COUNT;
    IF last THEN SET CONSTRAINTS ALL IMMEDIATE; END IF;
    RETURN done;
END $lifeboat$
"""

_PATH = """
SELECT substr(v, length('search_path=') + 1)
  FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS v
 WHERE v LIKE 'search_path=%%'
   AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
   AND s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s))
   AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s)
 ORDER BY s.setrole <> 0 AND s.setdatabase <> 0 DESC, s.setrole <> 0 DESC
 LIMIT 1
"""

_WHO = "SELECT session_user::text, current_setting('is_superuser')"

# Foreign keys are checked by PostgreSQL's own code, as the owners of their tables.
_DEFERRING = """
SELECT DISTINCT n.nspname::text, c.relname::text
  FROM pg_catalog.pg_trigger g
  JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint
 WHERE g.tgdeferrable AND coalesce(k.contype, 't') <> 'f'
"""
