# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Objects that PostgreSQL dumps and perhaps cannot make again: their operator is found by a search_path alone.

IS DISTINCT FROM, NULLIF, CASE, IN and JOIN USING name an operator without its schema, and a restore has an empty
search_path. To parse a definition again would tell for certain, and would run functions of the user's (the checks of
domains in its constants), so it is only read: it depends on an operator outside of pg_catalog, and does not name it.
"""

from __future__ import annotations

import re
import typing as t

from .connection import rows
from .server import Finding

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .connection import Connection

_HIDES = re.compile(r"\bIS (?:NOT )?DISTINCT FROM\b|\bNULLIF\(|\bCASE\s+(?!WHEN\b)|\bIN \( ?SELECT\b|\bUSING \(")


def findings(connection: Connection) -> Iterator[Finding]:
    """Yield a warning for each such view, constraint, default or index of the connected database."""
    told: set[str] = set()
    for name, definition, operator in rows(connection, _SUSPECTS):
        if name not in told and operator not in definition and _HIDES.search(definition):
            told.add(name)
            yield Finding(
                "warning",
                "unrestorable",
                f"The {name} may not be restorable from a dump: it finds {operator} only through search_path.",
                "Validate the backup. Write OPERATOR(schema.=) in it, or restore without it, by accept_failed.",
                (name, operator),
            )


# A dependency on an operator of the user's is what each of them has in common.
_SUSPECTS = """
WITH used AS (
  SELECT DISTINCT d.classid, d.objid, 'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')' AS operator
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_operator o ON d.refclassid = 2617 AND d.refobjid = o.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace AND n.nspname <> 'pg_catalog'
)
SELECT CASE c.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || c.oid::regclass,
       pg_get_viewdef(c.oid), u.operator
  FROM used u JOIN pg_catalog.pg_rewrite r ON u.classid = 2618 AND r.oid = u.objid
  JOIN pg_catalog.pg_class c ON c.oid = r.ev_class AND c.relkind IN ('v', 'm')
UNION
SELECT 'constraint ' || quote_ident(k.conname) || ' of table ' || k.conrelid::regclass,
       pg_get_expr(k.conbin, k.conrelid), u.operator
  FROM used u JOIN pg_catalog.pg_constraint k ON u.classid = 2606 AND k.oid = u.objid
 WHERE k.contype = 'c' AND k.conrelid <> 0
UNION
SELECT 'default of column ' || quote_ident(a.attname) || ' of table ' || f.adrelid::regclass,
       pg_get_expr(f.adbin, f.adrelid), u.operator
  FROM used u JOIN pg_catalog.pg_attrdef f ON u.classid = 2604 AND f.oid = u.objid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
UNION
SELECT 'index ' || i.indexrelid::regclass,
       concat_ws(', ', pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)), u.operator
  FROM used u JOIN pg_catalog.pg_index i ON u.classid = 1259 AND i.indexrelid = u.objid
 WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
ORDER BY 1
"""
