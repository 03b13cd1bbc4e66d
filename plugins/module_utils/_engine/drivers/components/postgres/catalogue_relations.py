# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S608 - the queries are put together from constants of this package only


"""
Queries that describe relations and what hangs on them: columns, constraints, indexes, triggers, rules, policies.

Each gives (prefix, classid, objid, objsubid, definition); `describe` turns the numbers into a name.
"""

from __future__ import annotations

ACL = """(SELECT coalesce(string_agg(item::text, ',' ORDER BY item::text COLLATE "C"), 'nobody')
            FROM unnest(coalesce({acl}, acldefault('{kind}', {owner}))) AS item)"""
"""A grant list that was never touched means the default, and so does one that was given and taken back."""

OPTIONS = """(SELECT nullif(string_agg(o, ', ' ORDER BY o COLLATE "C"), '') FROM unnest({options}) AS o
                WHERE o NOT LIKE 'pg\\_%')"""
"""Patched servers keep a version of their own among a column's options (pg_attver), which pg_dump leaves out."""


def words(expression: str) -> str:
    """Return SQL for text that PostgreSQL writes from a parsed expression, marked as such; NULL stays NULL."""
    return f"(E'\\x01' || {expression} || E'\\x02')"


USERS = "(n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')"

NO_MEMBER = """NOT EXISTS (SELECT FROM pg_depend member WHERE member.classid = {classid} AND member.objid = {oid}
                       AND member.objsubid = 0 AND member.deptype = 'e')"""

_OURS = f"{USERS} AND c.relpersistence <> 't' AND {NO_MEMBER.format(classid=1259, oid='c.oid')}"

_RELATIONS = f"""
SELECT NULL::text, 1259, c.oid, 0, concat_ws(E'\\n',
       'owner: ' || pg_get_userbyid(c.relowner),
       'grants: ' || CASE WHEN c.relkind = 'S' THEN {ACL.format(acl="c.relacl", kind="s", owner="c.relowner")}
                          WHEN c.relkind <> 'c' THEN {ACL.format(acl="c.relacl", kind="r", owner="c.relowner")} END,
       'persistence: ' || c.relpersistence::text,
       'options: ' || {OPTIONS.format(options="c.reloptions")},
       'toast options: ' || (SELECT {OPTIONS.format(options="x.reloptions")} FROM pg_class x
                              WHERE x.oid = c.reltoastrelid),
       'access method: ' || (SELECT m.amname FROM pg_am m WHERE m.oid = c.relam),
       'replica identity: ' || CASE WHEN c.relkind IN ('r', 'p') THEN c.relreplident::text END,
       'row security: ' || CASE WHEN c.relrowsecurity THEN 'on' END,
       'forced: ' || CASE WHEN c.relforcerowsecurity THEN 'on' END,
       'of type: ' || nullif(c.reloftype, 0)::regtype::text,
       'inherits: ' || (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                          FROM pg_inherits i WHERE i.inhrelid = c.oid),
       'partition by: ' || {words("pg_get_partkeydef(c.oid)")},
       'partition: ' || {words("pg_get_expr(c.relpartbound, c.oid)")},
       'populated: ' || CASE WHEN c.relkind = 'm' THEN c.relispopulated::text END,
       'server: ' || (SELECT concat_ws(' ', s.srvname, {OPTIONS.format(options="f.ftoptions")})
                        FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
       'query: ' || CASE WHEN c.relkind IN ('v', 'm') THEN {words("pg_get_viewdef(c.oid)")} END,
       'sequence: ' || (SELECT concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
                                         s.seqcache, s.seqcycle) FROM pg_sequence s WHERE s.seqrelid = c.oid),
       'owned by: ' || (SELECT concat_ws(' ', d.deptype, (pg_identify_object(1259, d.refobjid, d.refobjsubid)).identity)
                          FROM pg_depend d WHERE c.relkind = 'S' AND d.classid = 1259 AND d.objid = c.oid
                           AND d.refclassid = 1259 AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND {_OURS}
"""

NOT_NULL_BEFORE_18 = """CASE WHEN a.attnotnull OR a.attinhcount > 0 AND EXISTS (
           WITH RECURSIVE above (oid) AS (
               SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.oid
               UNION SELECT i.inhparent FROM above u JOIN pg_inherits i ON i.inhrelid = u.oid)
           SELECT FROM above u JOIN pg_attribute b ON b.attrelid = u.oid
            WHERE b.attname = a.attname AND b.attnotnull) THEN 'yes' END"""
"""A child can drop NOT NULL that its parent has; pg_dump cannot say so, and the restored child has it again."""

NOT_NULL = """(
           SELECT concat('yes', CASE WHEN k.conislocal AND NOT k.convalidated THEN ', not checked' END,
                         CASE WHEN k.connoinherit THEN ', not inherited' END)
             FROM pg_constraint k WHERE k.contype = 'n' AND k.conrelid = c.oid AND k.conkey[1] = a.attnum)"""
"""
From PostgreSQL 18 on it is a constraint, and only as such dumped: a column added to a parent that keeps its NOT NULL to
itself marks the children's columns all the same. Its name is left out: a restore into 18 gives it one.
"""

_COLUMNS = f"""
SELECT NULL::text, 1259, c.oid, a.attnum, concat_ws(E'\\n',
       'type: ' || format_type(a.atttypid, a.atttypmod),
       'collation: ' || (SELECT k.oid::regcollation::text FROM pg_collation k, pg_type y
                          WHERE k.oid = a.attcollation AND y.oid = a.atttypid AND y.typcollation <> k.oid),
       'not null: ' || <not_null>,
       'identity: ' || nullif(a.attidentity, '')::text,
       'generated: ' || nullif(a.attgenerated, '')::text,
       'default: ' || (SELECT {words("pg_get_expr(d.adbin, d.adrelid)")} FROM pg_attrdef d
                        WHERE d.adrelid = c.oid AND d.adnum = a.attnum),
       'storage: ' || CASE WHEN c.relkind <> 'v' THEN a.attstorage::text END,
       'compression: ' || nullif(a.attcompression, '')::text,
       'statistics: ' || nullif(a.attstattarget, -1),
       'options: ' || {OPTIONS.format(options="a.attoptions")},
       'foreign options: ' || {OPTIONS.format(options="a.attfdwoptions")},
       'inherited: ' || nullif(a.attinhcount, 0) || CASE WHEN a.attislocal THEN ' and local' ELSE '' END,
       'place: ' || CASE WHEN NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) THEN
                    (SELECT count(*) FROM pg_attribute b WHERE b.attrelid = c.oid AND b.attnum > 0
                        AND b.attnum <= a.attnum AND NOT b.attisdropped) END,
       'grants: ' || CASE WHEN a.attacl <> '{{}}' THEN {ACL.format(acl="a.attacl", kind="c", owner="c.relowner")} END)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND {_OURS}
"""

# Copies of a foreign key on partitions get names that depend on the order of oids; the original tells it all. Not-null
# constraints are objects from PostgreSQL 18 on, so they are described with their column.
_CONSTRAINTS = f"""
SELECT NULL::text, 2606, k.oid, 0, concat_ws(E'\\n',
       {words("pg_get_constraintdef(k.oid)")},
       'checked: ' || k.convalidated,
       'inherited: ' || nullif(k.coninhcount, 0) || CASE WHEN k.conislocal THEN ' and local' ELSE '' END)
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND NOT (k.contype = 'f' AND k.conparentid <> 0) AND {_OURS}
"""

_DOMAIN_CONSTRAINTS = f"""
SELECT NULL::text, 2606, k.oid, 0, concat_ws(E'\\n', {words("pg_get_constraintdef(k.oid)")},
       'checked: ' || k.convalidated)
  FROM pg_constraint k JOIN pg_type y ON y.oid = k.contypid JOIN pg_namespace n ON n.oid = y.typnamespace
 WHERE k.contype = 'c' AND {USERS} AND {NO_MEMBER.format(classid=1247, oid="y.oid")}
"""

# What CREATE INDEX CONCURRENTLY left unfinished is in no dump. A partitioned table's index lacks parts when not valid.
_INDEXES = f"""
SELECT NULL::text, 1259, i.indexrelid, 0, concat_ws(E'\\n',
       {words("pg_get_indexdef(i.indexrelid)")},
       'valid: ' || i.indisvalid,
       'clustered: ' || CASE WHEN i.indisclustered THEN 'yes' END,
       'replica identity: ' || CASE WHEN i.indisreplident THEN 'yes' END,
       'part of: ' || (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid),
       'statistics: ' || (SELECT string_agg(a.attnum || '=' || a.attstattarget, ' ' ORDER BY a.attnum)
                            FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0))
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind <> 't' AND (c.relkind = 'p' OR i.indisvalid AND i.indisready) AND {_OURS}
"""

_TRIGGERS = f"""
SELECT NULL::text, 2620, g.oid, 0, concat_ws(E'\\n', {words("pg_get_triggerdef(g.oid)")},
       'enabled: ' || g.tgenabled::text)
  FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE (NOT g.tgisinternal OR g.tgparentid <> 0 AND g.tgconstraint = 0) AND {_OURS}
"""

_RULES = f"""
SELECT NULL::text, 2618, r.oid, 0, concat_ws(E'\\n', {words("pg_get_ruledef(r.oid)")},
       'enabled: ' || r.ev_enabled::text)
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE r.rulename <> '_RETURN' AND {_OURS}
"""

_POLICIES = f"""
SELECT NULL::text, 3256, p.oid, 0, concat_ws(E'\\n',
       'for: ' || p.polcmd::text,
       'permissive: ' || p.polpermissive,
       'to: ' || (SELECT string_agg(CASE WHEN r = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(r)) END, ', '
                                    ORDER BY pg_get_userbyid(r) COLLATE "C") FROM unnest(p.polroles) AS r),
       'using: ' || {words("pg_get_expr(p.polqual, p.polrelid)")},
       'check: ' || {words("pg_get_expr(p.polwithcheck, p.polrelid)")})
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS}
"""

_STATISTICS = f"""
SELECT NULL::text, 3381, s.oid, 0, concat_ws(E'\\n',
       {words("pg_get_statisticsobjdef(s.oid)")},
       'owner: ' || pg_get_userbyid(s.stxowner),
       'target: ' || nullif(s.stxstattarget, -1))
  FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS}
"""

TABLESPACES = f"""
SELECT i.type || ' ' || i.identity, s.spcname::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_tablespace s ON s.oid = c.reltablespace
 CROSS JOIN LATERAL pg_identify_object(1259, c.oid, 0) AS i
 WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I') AND {_OURS}
"""
"""Where what lies outside of the database's own tablespace lies: no part of what it is, since a host may lack it."""

RELATIONS = (
    _RELATIONS,
    _COLUMNS,
    _CONSTRAINTS,
    _DOMAIN_CONSTRAINTS,
    _INDEXES,
    _TRIGGERS,
    _RULES,
    _POLICIES,
    _STATISTICS,
)
