# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What everything in a database is called: names are how a dump's programs find things, and a snapshot does not fix them.

No lock on a table keeps its schema from being renamed, or a type, a function, a sequence: a reader that comes later
finds another table under the name that its snapshot shows. So the names that the snapshot shows are compared with
those that a session without a snapshot sees.
"""

from __future__ import annotations

import typing as t

from .connection import rows
from .encodings import raw_names, readable

if t.TYPE_CHECKING:
    from .connection import Connection


class Name(t.NamedTuple):
    """
    A name and what it is in: the oid of a schema, of a type for a label, of a relation for a column; or 0.

    For a schema, `written` is the transaction that wrote it last, and `rights` are its owner and grants.
    """

    within: int
    name: str
    written: str = ""
    rights: str = ""


Names = dict[tuple[str, int], Name]


def read(connection: Connection) -> Names:
    """
    Return every name that this session sees, by kind and number of the object; roles' names are as in `encodings`.
    """
    found = rows(connection, _NAMES)
    with raw_names(connection):
        found += rows(connection, _ROLES)
    names = {(kind, int(number)): Name(int(within), name) for kind, number, within, name in found}
    for number, written, rights in rows(connection, _WRITTEN):
        schema = names.get(("schema", int(number)))
        if schema is not None:
            names["schema", int(number)] = schema._replace(written=written, rights=rights)
    return names


def changed(before: Names, after: Names, *, dropped: bool) -> str:
    """
    Say what has another name or place than before, or an empty string.

    With `dropped` what is gone counts, too. Without it only types do: programs write "???" for them and go on, while
    they fail where anything else is missing.
    """
    for (kind, number), was in before.items():
        now = after.get((kind, number))
        if now is None and (dropped or kind == "type"):
            return f'the {kind} "{readable(was.name)}" was dropped'
        if now is not None and now[:2] != was[:2]:
            how = f'was renamed to "{readable(now.name)}"' if now.name != was.name else "was moved to another schema"
            return f'the {kind} "{readable(was.name)}" {how}'
    return ""


def written(before: Names, after: Names) -> tuple[str, ...]:
    """
    Return the schemas that were written in between and look as before, readable.

    That is what a rename there and back leaves, and a grant that was there already; one that was not explains itself.
    """
    return tuple(
        sorted(
            readable(was.name)
            for key, was in before.items()
            if (now := after.get(key)) is not None and now.written != was.written and now.rights == was.rights
        )
    )


_OBJECTS = (
    ("type", "pg_type", "typ"),
    ("function", "pg_proc", "pro"),
    ("operator", "pg_operator", "opr"),
    ("operator class", "pg_opclass", "opc"),
    ("operator family", "pg_opfamily", "opf"),
    ("collation", "pg_collation", "coll"),
    ("conversion", "pg_conversion", "con"),
    ("statistics object", "pg_statistic_ext", "stx"),
    ("text search configuration", "pg_ts_config", "cfg"),
    ("text search dictionary", "pg_ts_dict", "dict"),
    ("text search parser", "pg_ts_parser", "prs"),
    ("text search template", "pg_ts_template", "tmpl"),
)
_BUILT_IN = 16384
"""Oids below this one are the system's own."""

# Row types share the name of their relation, and the names of array types follow that of their element.
_CONDITIONS = {"type": "AND o.typrelid = 0 AND o.typcategory <> 'A'"}

_WRITTEN = "SELECT oid::bigint, xmin::text, concat_ws(' ', nspowner, nspacl) FROM pg_catalog.pg_namespace"
_ROLES = "SELECT 'role', oid::bigint, 0::bigint, rolname::text FROM pg_catalog.pg_roles"
_REST = " ".join(
    f"UNION ALL SELECT '{kind}', o.oid::bigint, n.oid::bigint, o.{prefix}name::text "  # noqa: S608 - constants
    f"FROM pg_catalog.{catalogue} o JOIN n ON n.oid = o.{prefix}namespace "
    f"WHERE o.oid >= {_BUILT_IN} {_CONDITIONS.get(kind, '')}"
    for kind, catalogue, prefix in _OBJECTS
)
_NAMES = f"""
WITH n AS (SELECT oid, nspname FROM pg_catalog.pg_namespace
            WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
     c AS (SELECT c.oid, c.relkind, c.relnamespace, c.relname
             FROM pg_catalog.pg_class c JOIN n ON n.oid = c.relnamespace
            WHERE c.oid >= {_BUILT_IN} AND c.relpersistence <> 't'
              AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c', 'i', 'I'))
SELECT 'schema', oid::bigint, 0::bigint, nspname::text FROM n
UNION ALL
SELECT CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                    WHEN 'c' THEN 'type' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END,
       oid::bigint, relnamespace::bigint, relname::text FROM c
UNION ALL
SELECT 'column', c.oid::bigint * 65536 + a.attnum, c.oid::bigint, a.attname::text
  FROM c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
 WHERE c.relkind IN ('c', 'f', 'm', 'v') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'label', oid::bigint, enumtypid::bigint, enumlabel::text FROM pg_catalog.pg_enum
{_REST}
"""  # noqa: S608 - constants
