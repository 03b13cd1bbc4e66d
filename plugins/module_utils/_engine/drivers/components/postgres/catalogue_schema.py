# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S608 - the queries are put together from constants of this package only


"""
Queries that describe everything that is not a relation: schemas, types, routines, foreign servers, comments, grants.

Each gives (prefix, classid, objid, objsubid, definition); `describe` turns the numbers into a name.
"""

from __future__ import annotations

from .catalogue_relations import ACL, NO_MEMBER, OPTIONS, USERS, words


def _grants(acl: str, kind: str, owner: str) -> str:
    return "'grants: ' || " + ACL.format(acl=acl, kind=kind, owner=owner)


def _ours(classid: int, oid: str, schema: str | None) -> str:
    """Return the condition for objects of the user's; others are told from built-in ones by oid."""
    place = f"{USERS} AND n.oid = {schema}" if schema else f"{oid} >= 16384"
    return f"{place} AND {NO_MEMBER.format(classid=classid, oid=oid)}"


_SCHEMAS = f"""
SELECT NULL::text, 2615, n.oid, 0, concat_ws(E'\\n',
       'owner: ' || pg_get_userbyid(n.nspowner), {_grants("n.nspacl", "n", "n.nspowner")})
  FROM pg_namespace n WHERE {USERS} AND {NO_MEMBER.format(classid=2615, oid="n.oid")}
"""

_FUNCTIONS = f"""
SELECT NULL::text, 1255, p.oid, 0, concat_ws(E'\\n',
       CASE WHEN p.proargdefaults IS NULL AND p.prosqlbody IS NULL THEN pg_get_functiondef(p.oid)
            ELSE {words("pg_get_functiondef(p.oid)")} END,
       'owner: ' || pg_get_userbyid(p.proowner), {_grants("p.proacl", "f", "p.proowner")})
  FROM pg_proc p, pg_namespace n WHERE p.prokind <> 'a' AND {_ours(1255, "p.oid", "p.pronamespace")}
"""

_AGGREGATES = f"""
SELECT NULL::text, 1255, p.oid, 0, concat_ws(E'\\n',
       pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
       concat_ws(' ', g.aggkind, g.aggnumdirectargs, g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn,
                 g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn, g.aggfinalextra,
                 g.aggmfinalextra,
                 g.aggfinalmodify, g.aggmfinalmodify, g.aggsortop::regoperator, g.aggtranstype::regtype,
                 g.aggtransspace,
                 g.aggmtranstype::regtype, g.aggmtransspace, p.proparallel),
       'start: ' || g.agginitval, 'moving start: ' || g.aggminitval,
       'owner: ' || pg_get_userbyid(p.proowner), {_grants("p.proacl", "f", "p.proowner")})
  FROM pg_aggregate g JOIN pg_proc p ON p.oid = g.aggfnoid, pg_namespace n
 WHERE {_ours(1255, "p.oid", "p.pronamespace")}
"""

_TYPES = f"""
SELECT NULL::text, 1247, y.oid, 0, concat_ws(E'\\n',
       'sort: ' || y.typtype::text,
       'owner: ' || pg_get_userbyid(y.typowner), {_grants("y.typacl", "T", "y.typowner")},
       'labels: ' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e
                       WHERE e.enumtypid = y.oid),
       'domain: ' || CASE WHEN y.typtype = 'd' THEN concat_ws(' ', format_type(y.typbasetype, y.typtypmod),
                     CASE WHEN y.typnotnull THEN 'not null' END, nullif(y.typcollation, 0)::regcollation,
                     coalesce({words("pg_get_expr(y.typdefaultbin, 0)")}, y.typdefault)) END,
       'range: ' || (SELECT concat_ws(' ', r.rngsubtype::regtype, nullif(r.rngcollation, 0)::regcollation,
                     (SELECT (pg_identify_object(2616, r.rngsubopc, 0)).identity), r.rngcanonical, r.rngsubdiff,
                     r.rngmultitypid::regtype) FROM pg_range r WHERE r.rngtypid = y.oid),
       'base: ' || CASE WHEN y.typtype = 'b' THEN concat_ws(' ', y.typlen, y.typbyval, y.typcategory, y.typispreferred,
                   y.typdelim, nullif(y.typelem, 0)::regtype, y.typinput, y.typoutput, y.typreceive, y.typsend,
                   y.typmodin, y.typmodout, y.typanalyze, y.typalign, y.typstorage, y.typcollation, y.typdefault) END)
  FROM pg_type y, pg_namespace n
 WHERE y.typtype IN ('b', 'd', 'e', 'r', 'c', 'p')
   AND (y.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = y.typrelid AND c.relkind = 'c'))
   AND NOT EXISTS (SELECT FROM pg_type l WHERE l.typarray = y.oid)
   AND {_ours(1247, "y.oid", "y.typnamespace")}
"""

_CASTS = f"""
SELECT NULL::text, 2605, k.oid, 0, concat_ws(' ', nullif(k.castfunc, 0)::regprocedure, k.castcontext, k.castmethod)
  FROM pg_cast k WHERE {_ours(2605, "k.oid", None)}
"""

_OPERATORS = f"""
SELECT NULL::text, 2617, o.oid, 0, concat_ws(E'\\n',
       concat_ws(' ', o.oprcode::regprocedure, o.oprcanmerge, o.oprcanhash, o.oprrest, o.oprjoin),
       'commutator: ' || nullif(o.oprcom, 0)::regoperator::text,
       'negator: ' || nullif(o.oprnegate, 0)::regoperator::text,
       'owner: ' || pg_get_userbyid(o.oprowner))
  FROM pg_operator o, pg_namespace n WHERE o.oprcode <> 0 AND {_ours(2617, "o.oid", "o.oprnamespace")}
"""

_OPERATOR_CLASSES = f"""
SELECT NULL::text, 2616, o.oid, 0, concat_ws(' ', o.opcintype::regtype, o.opcdefault, nullif(o.opckeytype, 0)::regtype,
       (pg_identify_object(2753, o.opcfamily, 0)).identity, pg_get_userbyid(o.opcowner))
  FROM pg_opclass o, pg_namespace n WHERE {_ours(2616, "o.oid", "o.opcnamespace")}
"""

_OPERATOR_FAMILIES = f"""
SELECT NULL::text, 2753, f.oid, 0, concat_ws(E'\\n',
       (SELECT string_agg(concat_ws(' ', a.amopstrategy, a.amopopr::regoperator, a.amoppurpose,
                                    (pg_identify_object(2753, nullif(a.amopsortfamily, 0), 0)).identity), ', '
                          ORDER BY a.amopstrategy, a.amopopr::regoperator::text COLLATE "C")
          FROM pg_amop a WHERE a.amopfamily = f.oid),
       (SELECT string_agg(concat_ws(' ', a.amprocnum, a.amproc::regprocedure, a.amproclefttype::regtype), ', '
                          ORDER BY a.amprocnum, a.amproc::regprocedure::text COLLATE "C")
          FROM pg_amproc a WHERE a.amprocfamily = f.oid),
       'owner: ' || pg_get_userbyid(f.opfowner))
  FROM pg_opfamily f, pg_namespace n WHERE {_ours(2753, "f.oid", "f.opfnamespace")}
"""

_COLLATIONS = f"""
SELECT NULL::text, 3456, k.oid, 0, concat_ws(' ', k.collprovider, k.collisdeterministic, k.collcollate,
       k.collctype, <collation_locale>, <collation_rules>, pg_get_userbyid(k.collowner))
  FROM pg_collation k, pg_namespace n WHERE {_ours(3456, "k.oid", "k.collnamespace")}
"""

_CONVERSIONS = f"""
SELECT NULL::text, 2607, k.oid, 0, concat_ws(' ', pg_encoding_to_char(k.conforencoding),
       pg_encoding_to_char(k.contoencoding), k.conproc, k.condefault, pg_get_userbyid(k.conowner))
  FROM pg_conversion k, pg_namespace n WHERE {_ours(2607, "k.oid", "k.connamespace")}
"""

_LANGUAGES = f"""
SELECT NULL::text, 2612, l.oid, 0, concat_ws(' ', l.lanpltrusted, l.lanplcallfoid::regproc, l.laninline::regproc,
       l.lanvalidator::regproc, pg_get_userbyid(l.lanowner), {_grants("l.lanacl", "l", "l.lanowner")})
  FROM pg_language l WHERE {_ours(2612, "l.oid", None)}
"""

_TRANSFORMS = f"""
SELECT NULL::text, 3576, x.oid, 0, concat_ws(' ', x.trffromsql::regprocedure, x.trftosql::regprocedure)
  FROM pg_transform x WHERE {_ours(3576, "x.oid", None)}
"""

_ACCESS_METHODS = f"""
SELECT NULL::text, 2601, m.oid, 0, concat_ws(' ', m.amtype, m.amhandler) FROM pg_am m
 WHERE {_ours(2601, "m.oid", None)}
"""

_SEARCH_CONFIGURATIONS = f"""
SELECT NULL::text, 3602, g.oid, 0, concat_ws(E'\\n',
       'owner: ' || pg_get_userbyid(g.cfgowner), 'parser: ' || (pg_identify_object(3601, g.cfgparser, 0)).identity,
       (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapdict::regdictionary), ', '
                          ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = g.oid))
  FROM pg_ts_config g, pg_namespace n WHERE {_ours(3602, "g.oid", "g.cfgnamespace")}
"""

_SEARCH_DICTIONARIES = f"""
SELECT NULL::text, 3600, d.oid, 0, concat_ws(' ', pg_get_userbyid(d.dictowner),
       (pg_identify_object(3764, d.dicttemplate, 0)).identity, d.dictinitoption)
  FROM pg_ts_dict d, pg_namespace n WHERE {_ours(3600, "d.oid", "d.dictnamespace")}
"""

_SEARCH_PARSERS = f"""
SELECT NULL::text, 3601, p.oid, 0, concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)
  FROM pg_ts_parser p, pg_namespace n WHERE {_ours(3601, "p.oid", "p.prsnamespace")}
"""

_SEARCH_TEMPLATES = f"""
SELECT NULL::text, 3764, p.oid, 0, concat_ws(' ', p.tmplinit, p.tmpllexize)
  FROM pg_ts_template p, pg_namespace n WHERE {_ours(3764, "p.oid", "p.tmplnamespace")}
"""

_WRAPPERS = f"""
SELECT NULL::text, 2328, w.oid, 0, concat_ws(E'\\n',
       nullif(w.fdwhandler, 0)::regproc, nullif(w.fdwvalidator, 0)::regproc,
       {OPTIONS.format(options="w.fdwoptions")}, 'owner: ' || pg_get_userbyid(w.fdwowner),
       {_grants("w.fdwacl", "F", "w.fdwowner")})
  FROM pg_foreign_data_wrapper w WHERE {_ours(2328, "w.oid", None)}
"""

_SERVERS = f"""
SELECT NULL::text, 1417, s.oid, 0, concat_ws(E'\\n', (SELECT w.fdwname FROM pg_foreign_data_wrapper w
       WHERE w.oid = s.srvfdw), 'type: ' || s.srvtype, 'version: ' || s.srvversion,
       {OPTIONS.format(options="s.srvoptions")}, 'owner: ' || pg_get_userbyid(s.srvowner),
       {_grants("s.srvacl", "S", "s.srvowner")})
  FROM pg_foreign_server s WHERE {_ours(1417, "s.oid", None)}
"""

_USER_MAPPINGS = """
SELECT NULL::text, 1418, m.umid, 0, 'options: ' || coalesce((SELECT string_agg(
       split_part(o, '=', 1) || '=' || encode(sha256(convert_to(o, 'UTF8')), 'hex'), ', ' ORDER BY o COLLATE "C")
       FROM unnest(m.umoptions) AS o), '')
  FROM pg_user_mappings m
"""

_PUBLICATIONS = """
SELECT NULL::text, 6104, p.oid, 0, concat_ws(' ', p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
       p.pubviaroot, <published_generated>, pg_get_userbyid(p.pubowner)) FROM pg_publication p
"""

_PUBLICATION_TABLES = """
SELECT NULL::text, 6106, r.oid, 0, concat_ws(E'\\n', 'columns: ' || <publication_columns>,
       'where: ' || <publication_condition>) FROM pg_publication_rel r
"""

_PUBLICATION_SCHEMAS = "SELECT NULL::text, 6237, s.oid, 0, 'published' FROM <publication_namespace>"

_EVENT_TRIGGERS = f"""
SELECT NULL::text, 3466, e.oid, 0, concat_ws(' ', e.evtevent, e.evtenabled, e.evtfoid::regproc, e.evttags,
       pg_get_userbyid(e.evtowner)) FROM pg_event_trigger e WHERE {_ours(3466, "e.oid", None)}
"""

_EXTENSIONS = """
SELECT NULL::text, 3079, x.oid, 0, 'schema: ' || x.extnamespace::regnamespace::text FROM pg_extension x
"""

_DEFAULT_GRANTS = """
SELECT NULL::text, 826, d.oid, 0, (SELECT string_agg(i::text, ',' ORDER BY i::text COLLATE "C")
       FROM unnest(d.defaclacl) AS i) FROM pg_default_acl d
"""

# Comments that pg_dump leaves out: on inherited constraints, on indexes that are not valid, and on what hangs on an
# extension's table.
LOST_COMMENT = f"""EXISTS (
        SELECT FROM pg_constraint k WHERE d.classoid = 2606 AND k.oid = d.objoid
           AND (k.contype = 'c' AND k.conrelid <> 0 AND NOT k.conislocal OR k.contype = 'f' AND k.conparentid <> 0)
        UNION ALL
        SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE d.classoid = 1259 AND i.indexrelid = d.objoid
           AND c.relkind <> 'p' AND NOT (i.indisvalid AND i.indisready)
        UNION ALL
        SELECT FROM pg_class c WHERE NOT {NO_MEMBER.format(classid=1259, oid="c.oid")} AND c.oid IN (
           SELECT indrelid FROM pg_index WHERE d.classoid = 1259 AND indexrelid = d.objoid UNION ALL
           SELECT polrelid FROM pg_policy WHERE d.classoid = 3256 AND oid = d.objoid UNION ALL
           SELECT ev_class FROM pg_rewrite WHERE d.classoid = 2618 AND oid = d.objoid UNION ALL
           SELECT tgrelid FROM pg_trigger WHERE d.classoid = 2620 AND oid = d.objoid UNION ALL
           SELECT conrelid FROM pg_constraint WHERE d.classoid = 2606 AND oid = d.objoid))"""

_COMMENTS = f"""
SELECT 'comment on ', d.classoid::int, d.objoid, d.objsubid, d.description FROM pg_description d
 WHERE (d.objoid >= 16384 OR d.classoid = 2615 AND d.objoid = 2200)
   AND NOT (d.classoid = 3079 AND d.description IS NOT DISTINCT FROM
            (SELECT v.comment FROM pg_extension x JOIN pg_available_extensions v ON v.name = x.extname
              WHERE x.oid = d.objoid))
   AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
   AND NOT {LOST_COMMENT}
"""

_LABELS = """
SELECT 'security label on ', l.classoid::int, l.objoid, l.objsubid, l.provider || ': ' || l.label FROM pg_seclabel l
"""

# What was granted on an extension's own objects after it was made is dumped; who made the extension is not.
_EXTENSION_GRANTS = """
SELECT 'grants on ', e.classid::int, e.objid, 0, (
       SELECT string_agg(g, ', ' ORDER BY g COLLATE "C") FROM (
         SELECT concat_ws(' ', CASE WHEN a.grantee = 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END,
                          a.privilege_type, a.is_grantable) FROM aclexplode(o.acl) AS a WHERE a.grantee <> o.owner
         EXCEPT
         SELECT concat_ws(' ', CASE WHEN a.grantee = 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END,
                          a.privilege_type, a.is_grantable)
           FROM pg_init_privs i, aclexplode(i.initprivs) AS a
          WHERE i.classoid = e.classid AND i.objoid = e.objid AND i.objsubid = 0) AS s (g))
  FROM pg_depend e
  JOIN (SELECT 1259, c.oid, c.relacl, c.relowner FROM pg_class c UNION ALL
        SELECT 1255, p.oid, p.proacl, p.proowner FROM pg_proc p) AS o (classid, objid, acl, owner)
    ON o.classid = e.classid AND o.objid = e.objid
 WHERE e.deptype = 'e' AND e.objsubid = 0 AND o.acl IS NOT NULL
"""

SCHEMA = (
    _SCHEMAS,
    _FUNCTIONS,
    _AGGREGATES,
    _TYPES,
    _CASTS,
    _OPERATORS,
    _OPERATOR_CLASSES,
    _OPERATOR_FAMILIES,
    _COLLATIONS,
    _CONVERSIONS,
    _LANGUAGES,
    _TRANSFORMS,
    _ACCESS_METHODS,
    _SEARCH_CONFIGURATIONS,
    _SEARCH_DICTIONARIES,
    _SEARCH_PARSERS,
    _SEARCH_TEMPLATES,
    _WRAPPERS,
    _SERVERS,
    _USER_MAPPINGS,
    _PUBLICATIONS,
    _PUBLICATION_TABLES,
    _PUBLICATION_SCHEMAS,
    _EVENT_TRIGGERS,
    _EXTENSIONS,
    _DEFAULT_GRANTS,
    _COMMENTS,
    _LABELS,
    _EXTENSION_GRANTS,
)
