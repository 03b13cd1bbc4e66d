-- Copyright (c) 2026 Lifeboat contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Columns that are computed, sorted or filled by a rule, and what reads them. Run by psql into an empty database.

CREATE SCHEMA columns;
SET search_path = columns, public;
SELECT current_setting('server_version_num')::int >= 160000 AS from_16,
       current_setting('server_version_num')::int >= 170000 AS from_17,
       current_setting('server_version_num')::int >= 180000 AS from_18 \gset

CREATE TABLE plain (a int PRIMARY KEY, b text);
INSERT INTO plain VALUES (1, 'x'), (2, NULL);
CREATE UNIQUE INDEX ON plain (b) NULLS NOT DISTINCT;
ALTER TABLE plain ALTER b SET STATISTICS 0;
CREATE VIEW grouped AS SELECT b, upper(b) AS u, count(*), grouping(b) FROM plain GROUP BY ROLLUP (b, upper(b)) HAVING upper(b) <> 'x' ORDER BY 2;
CREATE VIEW distinct_ones AS SELECT DISTINCT a + 1, 'x' AS k FROM plain GROUP BY a + 1, 2;
CREATE VIEW invoked WITH (security_invoker = true) AS SELECT a FROM plain;
CREATE PUBLICATION columns_of_some FOR TABLE plain (a, b) WHERE (a > 1);

\if :from_16
CREATE VIEW json_made AS SELECT JSON_OBJECT('a': 1 ABSENT ON NULL), JSON_ARRAY(1, NULL NULL ON NULL), JSON_ARRAYAGG(a ORDER BY a), JSON_OBJECTAGG(a: b), bool_or(b IS JSON OBJECT WITH UNIQUE KEYS) FROM plain;
\endif

\if :from_17
GRANT MAINTAIN ON plain TO pg_monitor;
CREATE COLLATION built_in (provider = builtin, locale = 'C.UTF-8');
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY, k int) PARTITION BY RANGE (k) USING heap;
CREATE TABLE numbered_1 PARTITION OF numbered FOR VALUES FROM (1) TO (10);
INSERT INTO numbered (k) VALUES (1), (2);
CREATE TABLE apart (k int4range, r daterange, EXCLUDE USING gist (k WITH =, r WITH &&)) PARTITION BY LIST (k);
CREATE TABLE apart_1 PARTITION OF apart FOR VALUES IN ('[1,2)');
CREATE VIEW json_rows AS SELECT * FROM JSON_TABLE('[{"a": 1}]'::jsonb, '$[*]' AS top COLUMNS (id FOR ORDINALITY, a int PATH '$.a' DEFAULT 5 ON EMPTY ERROR ON ERROR, ex bool EXISTS PATH '$.z', js jsonb FORMAT JSON PATH '$' WITH CONDITIONAL WRAPPER, NESTED PATH '$.n[*]' AS sub COLUMNS (x text PATH '$' OMIT QUOTES))) AS q;
CREATE VIEW json_asked AS SELECT JSON_VALUE('{"a": 1}', '$.a' PASSING 3 AS y RETURNING int DEFAULT 2 ON ERROR), JSON_QUERY(jsonb '{}', '$.a' WITH WRAPPER EMPTY ARRAY ON EMPTY), JSON_EXISTS(jsonb '{}', 'strict $.a' UNKNOWN ON ERROR), JSON_SCALAR(1), JSON_SERIALIZE('{}'), JSON('{}' WITH UNIQUE KEYS);
CREATE FUNCTION on_login() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end';
CREATE EVENT TRIGGER columns_login ON login EXECUTE FUNCTION on_login();
ALTER EVENT TRIGGER columns_login DISABLE;
\endif

\if :from_18
CREATE TABLE computed (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c int GENERATED ALWAYS AS (a + 1), d text COLLATE "C" GENERATED ALWAYS AS (a::text || 'x') VIRTUAL NOT NULL, e int GENERATED ALWAYS AS (a + 2) STORED, CHECK (b < 1000));
INSERT INTO computed (a) SELECT generate_series(1, 5);
CREATE TABLE computed_child (b int GENERATED ALWAYS AS (a * 3) VIRTUAL) INHERITS (computed);
INSERT INTO computed_child (a) VALUES (7);
CREATE TABLE computed_parts (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL) PARTITION BY RANGE (a);
CREATE TABLE computed_part PARTITION OF computed_parts (b GENERATED ALWAYS AS (a * 4) VIRTUAL) FOR VALUES FROM (1) TO (10);
INSERT INTO computed_parts VALUES (1);
CREATE STATISTICS of_computed ON a, (a * 3) FROM computed;
ALTER STATISTICS of_computed SET STATISTICS 0;
CREATE VIEW reads_computed AS SELECT b, d FROM computed WHERE c > 1;
CREATE POLICY by_computed ON computed USING (b > 0);
CREATE FUNCTION tells_both() RETURNS SETOF record LANGUAGE sql BEGIN ATOMIC UPDATE plain SET b = 'z' WHERE a = 1 RETURNING WITH (OLD AS o, NEW AS n) o.b, n.b, 'lit'; MERGE INTO plain USING (SELECT 1 AS x) s ON a = x WHEN MATCHED THEN DELETE WHEN NOT MATCHED BY SOURCE THEN UPDATE SET b = 'q' WHEN NOT MATCHED THEN INSERT VALUES (x, 'y') RETURNING merge_action(), old.b, new.*; END;
CREATE TABLE filled (id uuid DEFAULT uuidv7(), t text DEFAULT casefold('A'), sorted int[] DEFAULT array_sort(ARRAY[3, 1])) WITH (autovacuum_vacuum_max_threshold = 100, vacuum_truncate = off);
CREATE COLLATION built_in_fast (provider = builtin, locale = 'PG_UNICODE_FAST');
CREATE TABLE collated (t text COLLATE built_in_fast);
CREATE INDEX ON collated (t, lower(t));
ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO pg_monitor;
SELECT lo_from_bytea(0, 'x') \g /dev/null
CREATE PUBLICATION columns_stored FOR TABLE computed WITH (publish_generated_columns = stored);
CREATE PUBLICATION columns_none FOR TABLES IN SCHEMA columns WITH (publish_generated_columns = none);
CREATE FOREIGN DATA WRAPPER columns_away;
CREATE SERVER columns_away FOREIGN DATA WRAPPER columns_away;
CREATE FOREIGN TABLE away (a int NOT NULL, b int GENERATED ALWAYS AS (a + 1) VIRTUAL, CONSTRAINT believed CHECK (a > 0) NOT ENFORCED) SERVER columns_away;
ALTER FOREIGN TABLE away ADD CONSTRAINT not_yet NOT NULL b NOT VALID;
\endif
