# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What pg_dump leaves out of every dump without a word, whoever runs it: told when a backup is made, not after a disaster.

Found in its own rules: it carries nothing that belongs to an extension but the rows of configuration tables, nothing
that stands in the system's own schemas, and no index that is not valid.
"""

from __future__ import annotations

import typing as t

from ....ground.units import human_list
from .catalogue_schema import LOST_COMMENT
from .connection import rows

if t.TYPE_CHECKING:
    from .connection import Connection

NAMED = 10
"""Objects of each sort that are named before the others are counted."""


def read(connection: Connection) -> list[str]:
    """Return one sentence for each sort of thing in this database that no dump of it holds."""
    found: list[str] = []
    for query, sentence in _LOSSES:
        names = [name for (name,) in rows(connection, query)]
        if names:
            found.append(sentence.format(names=human_list(names, NAMED)))
    return found


_SEQUENCES = """
SELECT format('%s of %s', c.oid::regclass, x.extname)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
  JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
 WHERE c.relkind = 'S' AND c.oid <> ALL (coalesce(x.extconfig, '{}'))
   AND CASE WHEN c.relkind = 'S' AND has_sequence_privilege(c.oid, 'SELECT, USAGE')
            THEN pg_sequence_last_value(c.oid) IS NOT NULL END
 ORDER BY 1
"""

# A member of an operator class goes with the class; one that was made by an extension goes with that.
_FAMILY_MEMBERS = """
SELECT (pg_identify_object(m.classid, m.oid, 0)).identity
  FROM (SELECT 'pg_amop'::regclass, oid, amopfamily FROM pg_catalog.pg_amop UNION ALL
        SELECT 'pg_amproc'::regclass, oid, amprocfamily FROM pg_catalog.pg_amproc) AS m (classid, oid, family)
 WHERE m.oid >= 16384 AND m.family < 16384
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = m.classid AND d.objid = m.oid AND d.refclassid = 'pg_opclass'::regclass)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_depend e
                       ON e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'
                    WHERE d.classid = m.classid AND d.objid = m.oid)
 ORDER BY 1
"""

_IN_SYSTEM_SCHEMAS = """
SELECT i.type || ' ' || i.identity
  FROM (SELECT 'pg_proc'::regclass::oid, oid, pronamespace FROM pg_catalog.pg_proc UNION ALL
        SELECT 'pg_operator'::regclass, oid, oprnamespace FROM pg_catalog.pg_operator UNION ALL
        SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_catalog.pg_type WHERE typrelid = 0 AND typelem = 0
        UNION ALL SELECT 'pg_class'::regclass, oid, relnamespace FROM pg_catalog.pg_class
                   WHERE relkind IN ('r', 'v', 'm', 'S', 'p')) AS o (classid, oid, schema)
  JOIN pg_catalog.pg_namespace n ON n.oid = o.schema AND n.nspname IN ('pg_catalog', 'information_schema')
 CROSS JOIN LATERAL pg_identify_object(o.classid, o.oid, 0) AS i
 WHERE o.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                    WHERE e.classid = o.classid AND e.objid = o.oid AND e.deptype IN ('e', 'i'))
 ORDER BY 1
"""

_INVALID_INDEXES = """
SELECT i.indexrelid::regclass::text
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT (i.indisvalid AND i.indisready) AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_'
 ORDER BY 1
"""

# From PostgreSQL 18 on a child has it, unless the parent keeps it to itself, which a dump says.
_NULLABLE_CHILDREN = """
SELECT DISTINCT format('%s.%I', i.inhrelid::regclass, a.attname)
  FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.inhrelid AND NOT a.attnotnull AND NOT a.attisdropped
  JOIN pg_catalog.pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname AND p.attnotnull
 WHERE a.attnum > 0
   AND current_setting('server_version_num')::integer < 180000
 ORDER BY 1
"""

_COMMENTS = """
SELECT i.type || ' ' || i.identity
  FROM pg_catalog.pg_description d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS i
 WHERE d.classoid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_policy'::regclass, 'pg_rewrite'::regclass,
                      'pg_trigger'::regclass) AND d.objoid >= 16384 AND {lost}
 ORDER BY 1
"""

_LOSSES = (
    (_SEQUENCES, "pg_dump omits the values of sequences of extensions: {names}. A restore starts them anew."),
    (_FAMILY_MEMBERS, "pg_dump omits additions to built-in operator families: {names}. Add them after a restore."),
    (_IN_SYSTEM_SCHEMAS, "pg_dump omits objects in system schemas: {names}. Move them to another schema."),
    (_INVALID_INDEXES, "pg_dump omits invalid indexes: {names}. REINDEX or drop them."),
    (
        _NULLABLE_CHILDREN,
        "pg_dump omits that a child lacks its parent's NOT NULL: {names}. A restore has it, and rejects NULL there.",
    ),
    (
        _COMMENTS.format(lost=LOST_COMMENT),
        "pg_dump omits comments on objects that are inherited, invalid, or on a table of an extension: {names}.",
    ),
)
