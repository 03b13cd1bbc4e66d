-- Copyright (c) 2026 Lifeboat contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Expressions that PostgreSQL words otherwise once it has read its own words. Run by psql into an empty database.

CREATE SCHEMA expressions; SET search_path=expressions,public;
CREATE TYPE mood AS ENUM ('sad','ok','happy');
CREATE TABLE t (id int primary key, a text, v varchar(10), c char(4), n numeric(10,2), d date, ts timestamptz, m mood, arr int[], j jsonb, b bit(4));
INSERT INTO t SELECT i, 'x'||i FROM generate_series(1,10) i;
-- SQL-standard bodies
CREATE FUNCTION f1() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT 'x'; END;
CREATE FUNCTION f2() RETURNS text LANGUAGE sql RETURN 'x';
CREATE FUNCTION f3() RETURNS TABLE (a int, b text) LANGUAGE sql BEGIN ATOMIC SELECT 1, 'y'::text; END;
CREATE FUNCTION f4(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t WHERE a IN ('x','y') AND v = 'z' AND x BETWEEN 1 AND 3; SELECT CASE x WHEN 1 THEN 2 ELSE NULL END; END;
CREATE FUNCTION f5() RETURNS timestamptz LANGUAGE sql RETURN now() - interval '1 day';
CREATE FUNCTION f6() RETURNS void LANGUAGE sql BEGIN ATOMIC INSERT INTO t (id, a) VALUES (100, 'q') ON CONFLICT (id) DO UPDATE SET a = excluded.a || 'z' WHERE t.a <> 'y' RETURNING 'x'; DELETE FROM t USING t u WHERE t.id = u.id AND u.a = 'none'; UPDATE t SET (a, v) = (SELECT 'x', 'y') WHERE id = 5; END;
CREATE FUNCTION f7() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT EXISTS (SELECT 'z' FROM t)::int; END;
CREATE FUNCTION f8() RETURNS SETOF record LANGUAGE sql BEGIN ATOMIC SELECT 1, 'x', NULL, true, 1.5, '{}'::int[]; END;
CREATE FUNCTION f9() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT 'a' UNION ALL SELECT 'b' UNION SELECT NULL; END;
CREATE FUNCTION f10() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC WITH q AS (SELECT 'x') SELECT q."?column?" FROM q; END;
CREATE FUNCTION f11() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT x.* FROM (VALUES ('p'), ('q')) AS x ORDER BY 1 LIMIT 1; END;
CREATE FUNCTION f12() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT (SELECT 'inner') || 'outer'; END;
CREATE FUNCTION f13() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT string_agg('x', ',' ORDER BY id) FROM t GROUP BY 1 < 2 HAVING 'a' < 'b'; END;
CREATE FUNCTION f14(m mood DEFAULT 'ok', d date DEFAULT CURRENT_DATE, x text DEFAULT 'a' || 'b', v varchar DEFAULT 'k') RETURNS mood LANGUAGE sql RETURN m;
CREATE FUNCTION f15() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT -1; END;
CREATE FUNCTION f16() RETURNS double precision LANGUAGE sql RETURN -1.5::float8 * 1e300 + '-2';
CREATE FUNCTION f17() RETURNS bit LANGUAGE sql BEGIN ATOMIC SELECT B'101'; END;
CREATE FUNCTION f18() RETURNS xml LANGUAGE sql BEGIN ATOMIC SELECT xmlelement(name foo, xmlattributes('a' AS b), 'c'); END;
CREATE FUNCTION f19() RETURNS interval LANGUAGE sql RETURN interval '1-2' year to month + interval '3' day + interval '2.5' second(1);
CREATE FUNCTION f20() RETURNS t LANGUAGE sql BEGIN ATOMIC SELECT t FROM t LIMIT 1; END;
CREATE FUNCTION f21() RETURNS SETOF t LANGUAGE sql BEGIN ATOMIC SELECT a.* FROM t a JOIN t b USING (id, a) WHERE false; END;
CREATE FUNCTION f22() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT concat(VARIADIC ARRAY['a','b']); END;
CREATE FUNCTION f23(int) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT $1::text || 'x' COLLATE "C"; END;
CREATE FUNCTION f24() RETURNS record LANGUAGE sql BEGIN ATOMIC SELECT ROW(1,'x'), ROW(2), (1,2) < (3,4), (1,'a') IN ((1,'a'),(2,'b')), NOT (1 = ANY ('{1,2}')); END;
CREATE FUNCTION f25() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT 'x' AS "?column?"; END;
CREATE FUNCTION f26() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT j ->> 'k' FROM t; END;
CREATE FUNCTION f27() RETURNS SETOF record LANGUAGE sql BEGIN ATOMIC SELECT extract(year FROM d), overlay('abc' placing 'x' from 1 for 1), substring('abc' from 1 for 2), trim(both 'x' from 'xax'), position('a' in 'ba'), current_user, localtime(2), d AT TIME ZONE 'UTC', (d, d) OVERLAPS (d, d), 'a' SIMILAR TO 'b', 'a' LIKE 'b' ESCAPE 'c', a IS NOT DISTINCT FROM 'x', grouping(d), collation for (a) FROM t GROUP BY d, a; END;
CREATE PROCEDURE p1(INOUT x int DEFAULT 5) LANGUAGE sql BEGIN ATOMIC SELECT x + 1; END;
-- views
CREATE VIEW v1 AS SELECT 'x', 'y' AS y, NULL AS nn, 1 AS one;
CREATE VIEW v2 AS SELECT t.id, count(*) FROM t JOIN t u USING (id) GROUP BY t.id;
CREATE VIEW v3 AS SELECT t.* FROM t GROUP BY t.id;
CREATE VIEW v4 AS SELECT a.id AS x, b.* FROM t a LEFT JOIN (t b CROSS JOIN t c) ON a.id = b.id WHERE a.v IN ('p','q') AND a.c = 'r' AND a.m IN ('sad','ok');
CREATE VIEW v5 AS TABLE t;
CREATE VIEW v6 AS VALUES (1,'x'),(2,'y');
CREATE VIEW v7 AS SELECT * FROM ROWS FROM (generate_series(1,2), unnest(ARRAY['a','b'])) WITH ORDINALITY AS q(a,b,c);
CREATE VIEW v8 AS SELECT x.a FROM LATERAL (SELECT 'k', a FROM t WHERE EXISTS (SELECT 'x' FROM t u WHERE u.id = t.id)) x;
CREATE VIEW v9 AS SELECT a, row_number() OVER w, sum(id) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM t WINDOW w AS (PARTITION BY a ORDER BY id DESC NULLS LAST);
CREATE VIEW v10 AS SELECT t FROM t;
CREATE VIEW v11 AS SELECT DISTINCT ON (a) a, id FROM t ORDER BY a, id DESC FETCH FIRST 3 ROWS WITH TIES;
CREATE VIEW v12 AS (SELECT 1 AS a UNION SELECT 2) EXCEPT (SELECT 3 INTERSECT SELECT 4) ORDER BY 1;
CREATE VIEW v13 AS SELECT * FROM t TABLESAMPLE bernoulli (50) REPEATABLE (1);
CREATE TABLE d1 (a int, b int, c int); CREATE VIEW v14 AS SELECT a, x.b, y.b AS yb FROM d1 x FULL JOIN d1 y USING (a); ALTER TABLE d1 RENAME b TO bb; ALTER TABLE d1 DROP COLUMN c;
CREATE TABLE d2 (a int, b int, c int); CREATE VIEW v15 AS SELECT x.a, x.b FROM d2 x JOIN d2 y USING (a, b); ALTER TABLE d2 ADD COLUMN e int; ALTER TABLE d2 RENAME a TO a1;
CREATE VIEW v16 AS SELECT j.q FROM (d2 JOIN d1 ON d2.b = d1.bb) AS j(x1, x2, x3, q);
CREATE VIEW v17 AS WITH RECURSIVE q(a) AS (SELECT 1 UNION ALL SELECT a+1 FROM q WHERE a < 5) SEARCH DEPTH FIRST BY a SET o CYCLE a SET ic USING p SELECT a, ic FROM q;
CREATE VIEW v18 AS SELECT json_build_object('a', 1), xmlforest(a AS q), GREATEST(1,2), COALESCE(a,'x'), NULLIF(a,'x'), (ARRAY[1,2])[1], arr[1:2], (ROW(1,2)).f1, (t.*)::text FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT 'z', a FROM t WHERE v = 'x';
ALTER VIEW v6 RENAME column1 TO c1;
CREATE VIEW v19 AS SELECT a FROM t WHERE v LIKE 'x%' OR NOT (v = 'y' OR c > 'z') AND ts > '2020-01-01' AND d < 'today'::date;
-- tables
CREATE TABLE k (a int CHECK (a > 0 AND (a < 5 AND a <> 3)), v varchar CHECK (v IN ('a','b')), v2 varchar(5) CHECK (v2 = ANY (ARRAY['x','y'])), x text DEFAULT 'q'::varchar, y timestamptz DEFAULT now() + '1 day', z date DEFAULT 'now', w date DEFAULT 'today'::date, m mood DEFAULT 'ok', g int GENERATED ALWAYS AS (a + 1) STORED, gg text GENERATED ALWAYS AS (v || 'x') STORED, arr text[] DEFAULT '{}', arr2 text[] DEFAULT ARRAY[]::text[], n numeric DEFAULT -1, f float DEFAULT 1, nn numeric(5,2) DEFAULT 1, c char(3) DEFAULT 'a', iv interval hour to minute DEFAULT '1:30', bb bit varying(5) DEFAULT B'1', nt numeric[] DEFAULT '{1,2.50}', CHECK (NOT (a = 1 OR (v2 IS NOT NULL))), CHECK (v NOT IN ('p', 'q')), CHECK (v ~ '^a' IS TRUE), CHECK (c BETWEEN 'a' AND 'b'));
CREATE DOMAIN dom AS varchar(10) DEFAULT 'd' CHECK (VALUE IN ('d','e')) CHECK (VALUE <> 'f');
CREATE DOMAIN dom2 AS dom[] CHECK (VALUE[1] <> 'x');
CREATE TABLE usesdom (a dom DEFAULT 'e', b dom2, CHECK (a IN ('d','e')));
CREATE INDEX k1 ON k (lower(v), (a+1), (v || 'x')) WHERE v IN ('a','b') AND a > 0;
CREATE INDEX k2 ON k ((v::text COLLATE "C") text_pattern_ops, date_trunc('day', y AT TIME ZONE 'UTC'));
CREATE INDEX k3 ON t USING gin (j jsonb_path_ops); CREATE INDEX k4 ON t ((j->>'x')); CREATE INDEX k5 ON t (((j->'a')->>'b'), (CASE WHEN a = 'x' THEN 1 END));
CREATE STATISTICS st (ndistinct, mcv) ON a, v, (lower(a) || 'x') FROM t; CREATE STATISTICS st2 ON (v = 'x'), (id + 1) FROM t;
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
CREATE TRIGGER tr BEFORE UPDATE OF a, v ON t FOR EACH ROW WHEN (OLD.a IS DISTINCT FROM NEW.a AND NEW.v IN ('x','y') AND OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tf('x', 1, 2.5, a);
CREATE POLICY po ON t USING (v IN ('a','b') AND a = current_user AND id IN (SELECT a FROM k WHERE 'x' = 'x' AND EXISTS (SELECT 'l'))) WITH CHECK (c = 'x');
CREATE RULE ru AS ON INSERT TO v1 WHERE NEW.y = 'x' DO INSTEAD (INSERT INTO t (id, a) SELECT 1, 'x' WHERE NEW.y IN ('a','b'); UPDATE t SET a = 'x' WHERE v = NEW.y);
CREATE RULE ru2 AS ON DELETE TO t DO ALSO SELECT 'x', 'y';
CREATE RULE ru3 AS ON UPDATE TO d1 DO ALSO INSERT INTO d2 VALUES (OLD.a, NEW.bb, DEFAULT), (1, 2, 3);
CREATE RULE ru4 AS ON DELETE TO v1 DO INSTEAD DELETE FROM t WHERE a = OLD.y AND v = 'x' RETURNING 'a'::text, 'b'::text, NULL::text, 1;
