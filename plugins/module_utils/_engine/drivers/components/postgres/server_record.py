# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a backup records of its server, so that another one can take its place: settings, access rules, locale, extensions.

All but the extensions is read in a database that every server has. There role `host` lets the role of the backups read
what others may not, and no owner of an application's database can put his settings in the place of the server's: what
ALTER DATABASE and ALTER ROLE set is none of these. The sessions of ours set some settings themselves, so the
configuration files are asked too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t

from ....ground.errors import RecoveryError, UsageError
from . import carried, properties
from .connection import connect_server, one, rows
from .encodings import raw_names

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .connection import Connection, Login

Record = dict[str, t.Any]

RIGHTS: Mapping[str, str] = {
    "settings": "pg_has_role('pg_read_all_settings', 'USAGE')",
    "configuration files": "has_table_privilege('pg_catalog.pg_file_settings', 'SELECT')"
    " AND has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE')",
    "access rules": "has_table_privilege('pg_catalog.pg_hba_file_rules', 'SELECT')"
    " AND has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE')",
}
"""What a role needs to read all of it, as it is called in the record and to people."""

REMEDY = "Run playbook lifeboat.recovery.install again, which grants the right to."


def read(login: Login, connection: Connection) -> Record:
    """Return the record. `connection` is to the database that is backed up; `missing` is what this role cannot read."""
    with _server(login, connection) as session, raw_names(session):
        lacking = missing(session)
        version, number, checksums, segment, buffers = rows(session, _FACTS)[0]
        kept, left = carried.settings(_settings(session, files="configuration files" not in lacking))
        name, _space, package = str(version).partition(" ")
        return {
            "version": name,
            "major": int(number) // 10000,
            "package": package.strip("()"),
            "checksums": checksums,
            "wal_segment_size": int(segment),
            "shared_buffers": int(buffers),
            **properties.initial(session),
            "locales": [locale for (locale,) in rows(session, _LOCALES)],
            "settings": kept,
            "left_out": left,
            "hba": [] if "access rules" in lacking else _rules(session),
            "extensions": dict(rows(connection, _EXTENSIONS)),
            "missing": lacking,
        }


def missing(session: Connection) -> list[str]:
    """Return which of `RIGHTS` the role of this session lacks, in a database as `connect_server` opens it."""
    return [name for name, right in RIGHTS.items() if not one(session, f"SELECT {right}")]


def caution(lacking: list[str]) -> str:
    """Say what a backup does not record without these rights."""
    what = ", ".join(lacking)
    return f"What a replacement of this server needs is recorded in part: its {what} cannot be read. {REMEDY}"


@contextlib.contextmanager
def _server(login: Login, connection: Connection) -> Iterator[Connection]:
    """Open a session in a database of the server's own; where this role may not, take the one that there is."""
    try:
        session = connect_server(login, read_only=True)
    except RecoveryError:
        yield connection
        return
    with contextlib.closing(session):
        yield session


def _settings(session: Connection, *, files: bool) -> dict[str, str]:
    """Return the settings that the server was given, by name in lower case, as its files take them."""
    given = {str(name).lower(): str(value) for name, value in (rows(session, _FILES) if files else ())}
    return given | {str(name).lower(): str(value) for name, value in rows(session, _SETTINGS)}


def _rules(session: Connection) -> list[carried.Rule]:
    columns = ("type", "databases", "users", "address", "netmask", "method", "options")
    return [carried.without_secrets(dict(zip(columns, row, strict=True))) for row in rows(session, _HBA)]


@dataclasses.dataclass(frozen=True, slots=True)
class ServerRecord:
    """The record as it was read back: what is in it is what it has to be, and of no other type."""

    version: str
    major: int
    package: str
    checksums: bool
    wal_segment_size: int
    shared_buffers: int
    encoding: str
    provider: str
    collate: str
    ctype: str
    locale: str | None
    icu_rules: str | None
    locales: list[str]
    settings: dict[str, str]
    left_out: list[str]
    hba: list[dict[str, t.Any]]
    extensions: dict[str, str]
    missing: list[str]

    @classmethod
    def of(cls, recorded: Mapping[str, t.Any]) -> ServerRecord:
        """Read the record `globals`. Raise UsageError when it tells nothing of a server, or something that is none."""
        server = recorded.get("server")
        if not isinstance(server, dict):
            raise _unusable("does not record its server", "Back up again, or use a later backup.")
        names = [field.name for field in dataclasses.fields(cls)]
        if sorted(server) != sorted(names) or not all(_fits(server[name], _SHAPES[name]) for name in names):
            raise _unusable("records a server as this version does not know it", "Use another backup.")
        return cls(**server)


def _unusable(what: str, remedy: str) -> UsageError:
    return UsageError(f"The backup {what}.", remedy, field="backup")


def _fits(value: object, shape: t.Any) -> bool:
    """Whether a value is of a shape: a type, a pattern of text, or a list or dictionary of one shape."""
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and bool(shape.fullmatch(value))
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(item, shape[0]) for item in value)
    if isinstance(shape, dict):
        if "" in shape:
            return isinstance(value, dict) and all(_fits(item, shape[""]) for item in value.values())
        return (
            isinstance(value, dict) and value.keys() == shape.keys() and all(_fits(value[k], shape[k]) for k in shape)
        )
    if isinstance(shape, tuple):
        return any(_fits(value, each) for each in shape)
    return isinstance(value, shape) and isinstance(value, bool) == (shape is bool)


_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*")
_MAYBE = (str, type(None))
_SHAPES: Mapping[str, t.Any] = {
    "version": re.compile(r"\d+[A-Za-z0-9.]*"),
    "major": int,
    "package": str,
    "checksums": bool,
    "wal_segment_size": int,
    "shared_buffers": int,
    "encoding": _WORD,
    "provider": re.compile("[cib]"),
    "collate": _WORD,
    "ctype": _WORD,
    "locale": _MAYBE,
    "icu_rules": _MAYBE,
    "locales": [_WORD],
    "settings": {"": str},
    "left_out": [str],
    "hba": [
        {
            "type": str,
            "databases": [str],
            "users": [str],
            "address": _MAYBE,
            "netmask": _MAYBE,
            "method": str,
            "options": [str],
        }
    ],
    "extensions": {"": str},
    "missing": [str],
}

_FACTS = """
SELECT current_setting('server_version'), current_setting('server_version_num'),
       current_setting('data_checksums') = 'on', pg_size_bytes(current_setting('wal_segment_size')),
       pg_size_bytes(current_setting('shared_buffers'))
"""

_LOCALES = """
SELECT DISTINCT l.name
  FROM pg_catalog.pg_database d, LATERAL (VALUES (d.datcollate::text), (d.datctype::text)) AS l (name)
 ORDER BY l.name
"""

# What is set for a database, a role or a session has another source.
_SETTINGS = """
SELECT name, current_setting(name) FROM pg_catalog.pg_settings
 WHERE source IN ('configuration file', 'command line', 'global')
"""

_FILES = """
SELECT name, setting FROM pg_catalog.pg_file_settings WHERE error IS NULL AND setting IS NOT NULL ORDER BY seqno
"""

_HBA = """
SELECT type, database, user_name, address, netmask, auth_method, coalesce(options, '{}')
  FROM pg_catalog.pg_hba_file_rules WHERE error IS NULL ORDER BY line_number
"""

_EXTENSIONS = "SELECT extname::text, extversion FROM pg_catalog.pg_extension ORDER BY extname"
