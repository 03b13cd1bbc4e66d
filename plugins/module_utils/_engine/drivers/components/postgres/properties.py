# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
A database's own properties: what pg_dump leaves out without --create.

`create` statements make a database that nobody can enter by accident and that has no settings yet which could disturb
a load (default_transaction_read_only, a statement_timeout). `final` statements bring owner, settings and grants, last.
"""

from __future__ import annotations

import contextlib
import typing as t

from ....ground.errors import DatabaseError
from .connection import execute, one, quote_identifier, quote_literal, rows
from .encodings import is_text, raw_names, text
from .settings import assignment

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from .connection import Connection

Record = dict[str, t.Any]

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


def read(connection: Connection) -> Record:
    """
    Return the properties of the connected database as JSON-able data.

    Names are as in `encodings`; the comment is text, converted from the database's encoding where it can be.
    """
    with raw_names(connection):
        record = _database(connection, "d.datname = current_database()")[0]
        record["grants"] = [dict(zip(_GRANT_COLUMNS, row, strict=True)) for row in rows(connection, _GRANTS)]
        settings: dict[str, list[str]] = {}
        for role, values in rows(connection, _SETTINGS):
            settings[role] = list(values)
        record["settings"] = settings.pop("", [])
        record["role_settings"] = settings
        record["labels"] = [{"provider": provider, "label": label} for provider, label in rows(connection, _LABELS)]
    if not (record["comment"] or "").isascii():
        # One that a session of another encoding wrote cannot always be converted: then its bytes are kept.
        with contextlib.suppress(DatabaseError), connection.transaction():
            record["comment"] = one(connection, _COMMENT)
    return record


def initial(connection: Connection) -> Record:
    """Return encoding and locale with which the cluster was made: template0 has them, which nobody changes."""
    found = _database(connection, "d.datname = 'template0'") or _database(connection, "d.datname = current_database()")
    return {name: found[0][name] for name in ("encoding", "provider", "collate", "ctype", "locale", "icu_rules")}


def tablespaces(connection: Connection) -> list[str]:
    """Return the names of the tablespaces that something in the connected database lies in, the database itself too."""
    return [name for (name,) in rows(connection, _TABLESPACES)]


def statements(
    properties: Record,
    name: str,
    when: t.Literal["create", "final"],
    *,
    roles: Collection[str] | None = None,
    tablespaces: Collection[str] | None = None,
) -> list[str]:
    """
    Return the statements that make database `name` what `properties` say, before the data and after it.

    `roles` and `tablespaces` are those of the target: what names others is left out. None means that all are there.
    """
    database = quote_identifier(name)
    if when == "create":
        return [_create(properties, database, tablespaces), f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"]

    def known(role: str) -> bool:
        return roles is None or role in roles

    found: list[str] = []
    if known(properties["owner"]):
        found.append(f"ALTER DATABASE {database} OWNER TO {quote_identifier(properties['owner'])}")
    found += _grant_statements(properties, database, known)
    found += [f"ALTER DATABASE {database} SET {assignment(setting)}" for setting in properties["settings"]]
    for role, settings in sorted(properties["role_settings"].items()):
        if known(role):
            prefix = f"ALTER ROLE {quote_identifier(role)} IN DATABASE {database} SET"
            found += [f"{prefix} {assignment(setting)}" for setting in settings]
    comment = "NULL" if properties["comment"] is None else quote_literal(properties["comment"])
    found.append(f"COMMENT ON DATABASE {database} IS {comment}")
    for label in properties["labels"]:
        provider, words = quote_identifier(label["provider"]), quote_literal(label["label"])
        found.append(f"SECURITY LABEL FOR {provider} ON DATABASE {database} IS {words}")
    found.append(
        f"ALTER DATABASE {database} WITH CONNECTION LIMIT {int(properties['connection_limit'])} "
        f"IS_TEMPLATE {'true' if properties['is_template'] else 'false'}"
    )
    return found


def apply(connection: Connection, found: Iterable[str]) -> None:
    """Run `statements` in a session with `raw_names`; the comment, which is text, is converted for its database."""
    for statement in found:
        beginning, _is, comment = statement.partition(" IS ")
        plain = beginning.startswith("COMMENT ON DATABASE ") and beginning.isascii() and is_text(comment)
        with text(connection) if plain else contextlib.nullcontext():
            execute(connection, statement)


def _database(connection: Connection, which: str) -> list[Record]:
    version = connection.info.server_version
    query = _DATABASE.format(
        provider="d.datlocprovider::text" if version >= 150000 else "'c'",
        locale="d.datlocale" if version >= 170000 else ("d.daticulocale" if version >= 150000 else "NULL"),
        rules="d.daticurules" if version >= 160000 else "NULL",
        collation_version="d.datcollversion" if version >= 150000 else "NULL",
        which=which,
    )
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows(connection, query)]


def _create(properties: Record, database: str, tablespaces: Collection[str] | None) -> str:
    words = [
        f"CREATE DATABASE {database} WITH TEMPLATE template0",
        f"ENCODING {quote_literal(properties['encoding'])}",
        f"LC_COLLATE {quote_literal(properties['collate'])}",
        f"LC_CTYPE {quote_literal(properties['ctype'])}",
    ]
    provider = _PROVIDERS[properties["provider"]]
    if provider != "libc":
        words.append(f"LOCALE_PROVIDER {provider}")
        words.append(f"{'ICU' if provider == 'icu' else 'BUILTIN'}_LOCALE {quote_literal(properties['locale'])}")
        if properties["icu_rules"] is not None:
            words.append(f"ICU_RULES {quote_literal(properties['icu_rules'])}")
    space = properties["tablespace"]
    if space != "pg_default" and (tablespaces is None or space in tablespaces):
        words.append(f"TABLESPACE {quote_identifier(space)}")
    return " ".join(words)


def _grant_statements(properties: Record, database: str, known: Callable[[str], bool]) -> list[str]:
    """Return the grants from scratch: `create` and an owner's change have left others behind."""
    owner = properties["owner"]
    found = [f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"]
    if known(owner):
        found.append(f"REVOKE ALL ON DATABASE {database} FROM {quote_identifier(owner)}")
    for grant in properties["grants"]:
        if grant["grantee"] and not known(grant["grantee"]):
            continue
        grantee = quote_identifier(grant["grantee"]) if grant["grantee"] else "PUBLIC"
        option = " WITH GRANT OPTION" if grant["grantable"] else ""
        statement = f"GRANT {grant['privilege']} ON DATABASE {database} TO {grantee}{option}"
        if grant["grantor"] not in {owner, ""} and known(grant["grantor"]):
            role = quote_identifier(grant["grantor"])
            found += [f"SET SESSION AUTHORIZATION {role}", statement, "RESET SESSION AUTHORIZATION"]
        else:
            found.append(statement)
    return found


_COLUMNS = (
    "name",
    "owner",
    "encoding",
    "provider",
    "collate",
    "ctype",
    "locale",
    "icu_rules",
    "collation_version",
    "tablespace",
    "connection_limit",
    "is_template",
    "comment",
)
_GRANT_COLUMNS = ("grantee", "privilege", "grantable", "grantor")

_DATABASE = """
SELECT d.datname::text, pg_get_userbyid(d.datdba)::text, pg_encoding_to_char(d.encoding)::text, {provider},
       d.datcollate::text, d.datctype::text, {locale}, {rules}, {collation_version}, s.spcname::text, d.datconnlimit,
       d.datistemplate, shobj_description(d.oid, 'pg_database')
  FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace s ON s.oid = d.dattablespace
 WHERE {which}
"""

_COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = current_database()"

_TABLESPACES = """
SELECT s.spcname::text FROM pg_catalog.pg_tablespace s
 WHERE s.spcname !~ '^pg_'
   AND (s.oid IN (SELECT c.reltablespace FROM pg_catalog.pg_class c)
        OR s.oid = (SELECT d.dattablespace FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
 ORDER BY s.spcname COLLATE "C"
"""

_GRANTS = """
SELECT CASE WHEN a.grantee = 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END, a.privilege_type, a.is_grantable,
       pg_get_userbyid(a.grantor)::text
  FROM pg_catalog.pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) WITH ORDINALITY AS a
 WHERE d.datname = current_database()
 ORDER BY a.grantor <> d.datdba, a.ordinality
"""

_SETTINGS = """
SELECT coalesce(r.rolname::text, ''), s.setconfig
  FROM pg_catalog.pg_db_role_setting s
  JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
 WHERE d.datname = current_database() AND (s.setrole = 0 OR r.oid IS NOT NULL)
 ORDER BY 1
"""

_LABELS = """
SELECT l.provider, l.label FROM pg_catalog.pg_shseclabel l JOIN pg_catalog.pg_database d ON d.oid = l.objoid
 WHERE l.classoid = 1262 AND d.datname = current_database() ORDER BY 1
"""
