# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
A description of every object in a database that is the same before a dump and after its restore.

By names, never by oid or column number, and never from `pg_dump -s`, whose text differs between two runs on the same
database. Members of extensions are left out: the extension makes them. Secrets in user mappings are hashed.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from .catalogue_relations import NOT_NULL, NOT_NULL_BEFORE_18, RELATIONS, TABLESPACES, words
from .catalogue_schema import SCHEMA
from .connection import rows

if t.TYPE_CHECKING:
    from .connection import Connection

DIGEST_CHARACTERS = 24
"""Hex digits of a definition's digest: 96 bits tell any two definitions apart, and lists stay short."""


FRAME_CHARACTERS = 12
"""Of a frame only equality counts, and only where the digest differs."""


def describe(connection: Connection) -> dict[str, str]:
    """
    Return {identity: definition} of every object that belongs to the user.

    An identity is a kind and a name, such as `table column app.hen.id`; a definition is lines of `what: value`, in
    which `words` marks the text that PostgreSQL writes from a parsed expression.
    """
    version = connection.info.server_version
    found: dict[str, str] = {}
    for query in (*RELATIONS, *SCHEMA):
        for placeholder, since, value, before in _VARIANTS:
            query = query.replace(f"<{placeholder}>", value if version >= since else before)  # noqa: PLW2901
        found.update(rows(connection, _WRAPPED.replace("<query>", query)))
    return found


def tablespaces(connection: Connection) -> dict[str, str]:
    """Return {identity: tablespace} of every object that lies in another one than its database."""
    return dict(rows(connection, TABLESPACES))


def kind(identity: str) -> str:
    """Return the kind in an identity: the words before the name."""
    for known in _LONG_KINDS:
        if identity.startswith(f"{known} "):
            return known
    return identity.split(" ", 1)[0]


def digests(described: dict[str, str]) -> dict[str, str]:
    """Return {identity: digest of the definition's normal form}."""
    return {identity: digest(identity, definition) for identity, definition in described.items()}


def digest(identity: str, definition: str) -> str:
    """Return the digest of one definition."""
    unmarked = definition.replace("\1", "").replace("\2", "")
    form = normal(unmarked) if kind(identity) in _WITH_EXPRESSIONS else unmarked
    return _hash(form, DIGEST_CHARACTERS)


def frames(described: dict[str, str]) -> dict[str, str]:
    """
    Return {identity: digest of all that is no expression} of the objects that have expressions.

    PostgreSQL reads an expression and keeps the tree; what it writes of it later is its own choice of words, and a
    dump and a restore are one more such reading. An object with the same frame may differ in those words alone.
    """
    return {
        identity: _hash(_WORDS.sub("", definition), FRAME_CHARACTERS)
        for identity, definition in described.items()
        if "\1" in definition
    }


def _hash(text: str, characters: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:characters]


def normal(definition: str) -> str:
    """
    Return a definition without casts, brackets and layout, except in strings and quoted names.

    PostgreSQL's own text of an expression can change when it is read again: `v IN ('a')` on a varchar first shows as
    `((v)::text = ANY ((ARRAY['a'::character varying])::text[]))`, and after a restore with its casts elsewhere.
    """
    return _LOOSE.sub(lambda match: match["kept"] or "", definition)


_WORDS = re.compile("\1.*?\2", re.DOTALL)
_NAME = r'(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)'
_TYPE = (
    r"(?:character varying|double precision|bit varying"
    r"|(?:timestamp|time)(?:\(\d+\))? with(?:out)? time zone"
    rf"|{_NAME}(?:\.{_NAME})?)(?:\(\d+(?:,\s*-?\d+)?\))?(?:\[\])*"
)
_LOOSE = re.compile(rf"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*")|::\s*{_TYPE}|[()\s]+""")

_WITH_EXPRESSIONS = frozenset(
    {
        "table",
        "table column",
        "view",
        "view column",
        "materialized view",
        "table constraint",
        "domain constraint",
        "index",
        "rule",
        "policy",
        "trigger",
        "statistics object",
        "publication relation",
    }
)

_LONG_KINDS = (
    "table column",
    "view column",
    "materialized view column",
    "foreign table column",
    "composite type column",
    "table constraint",
    "domain constraint",
    "materialized view",
    "foreign table",
    "composite type",
    "operator class",
    "operator family",
    "text search configuration",
    "text search dictionary",
    "text search parser",
    "text search template",
    "foreign-data wrapper",
    "user mapping",
    "default acl",
    "event trigger",
    "publication relation",
    "publication namespace",
    "statistics object",
    "access method",
    "comment on",
    "security label on",
    "grants on",
)

_PUBLISHED_COLUMNS = """
(SELECT string_agg(a.attname, ', ' ORDER BY a.attname COLLATE "C") FROM pg_attribute a
  WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[]))
"""

_VARIANTS = (
    ("collation_locale", 170000, "k.colllocale", "<collation_icu>"),
    ("collation_icu", 150000, "k.colliculocale", "NULL"),
    ("collation_rules", 160000, "k.collicurules", "NULL"),
    ("not_null", 180000, NOT_NULL, NOT_NULL_BEFORE_18),
    ("published_generated", 180000, "'generated: ' || nullif(p.pubgencols, 'n')::text", "NULL"),
    ("publication_condition", 150000, words("pg_get_expr(r.prqual, r.prrelid)"), "NULL::text"),
    ("publication_columns", 150000, _PUBLISHED_COLUMNS, "NULL::text"),
    ("publication_namespace", 150000, "pg_publication_namespace AS s", "(SELECT NULL::oid) AS s (oid)"),
)

_WRAPPED = """
SELECT coalesce(q.prefix, '') || i.type || ' ' || i.identity, coalesce(q.definition, '')
  FROM (<query>) AS q (prefix, classid, objid, objsubid, definition)
 CROSS JOIN LATERAL pg_catalog.pg_identify_object(q.classid::oid, q.objid, q.objsubid) AS i
 WHERE i.identity IS NOT NULL AND NOT (q.prefix IS NOT DISTINCT FROM 'grants on ' AND q.definition IS NULL)
"""
