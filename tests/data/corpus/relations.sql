-- Copyright (c) 2026 Lifeboat contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Tables whose rows or columns PostgreSQL's own dump brings back otherwise. Run by psql into an empty database.

CREATE SCHEMA relations;
SET search_path = relations, public;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE comp AS (a int, b varchar(3));

-- Rows whose partition depends on the oids of an enum's labels: pg_dump loads them anew through the root.
CREATE TABLE by_mood (m mood, id int) PARTITION BY HASH (m);
CREATE TABLE by_mood_0 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE by_mood_1 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE by_mood_2 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 2) PARTITION BY HASH (m, id);
CREATE TABLE by_mood_2_0 PARTITION OF by_mood_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_mood_2_1 PARTITION OF by_mood_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_mood SELECT (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::mood, i FROM generate_series(1, 60) i;

CREATE TABLE by_list (m mood, v varchar, d date) PARTITION BY LIST (m);
CREATE TABLE by_list_1 PARTITION OF by_list FOR VALUES IN ('sad', NULL);
CREATE TABLE by_list_2 PARTITION OF by_list DEFAULT PARTITION BY RANGE (v, (d + 1));
CREATE TABLE by_list_2_1 PARTITION OF by_list_2 FOR VALUES FROM ('a', MINVALUE) TO ('b', MAXVALUE);
CREATE TABLE by_expression (t text) PARTITION BY RANGE (lower(t));
CREATE TABLE by_expression_1 PARTITION OF by_expression FOR VALUES FROM ('a') TO ('m');

-- A child may lack NOT NULL that its parent has, which a dump cannot say. From PostgreSQL 18 on it may not.
CREATE TABLE parent (a int NOT NULL, b text DEFAULT 'b', CHECK (a > 0) NO INHERIT, CONSTRAINT c2 CHECK (b <> 'x'));
CREATE TABLE child (c int, b text DEFAULT 'bb') INHERITS (parent);
CREATE TABLE grandchild (z int) INHERITS (child);
ALTER TABLE parent ADD COLUMN late int DEFAULT 7;
SELECT current_setting('server_version_num')::int < 180000 AS may_drop_not_null \gset
\if :may_drop_not_null
ALTER TABLE child ALTER a DROP NOT NULL;
ALTER TABLE grandchild ALTER a DROP NOT NULL;
\endif
INSERT INTO grandchild (a, c, z) VALUES (1, 2, 3);
CREATE TABLE other (a int, q text);
CREATE TABLE joined_later (q text, a int);
ALTER TABLE joined_later INHERIT other;
CREATE TABLE of_two () INHERITS (parent, other);
ALTER TABLE other ADD COLUMN more int;
CREATE TABLE first_with_check (a int);
CREATE TABLE second_with_check (a int);
CREATE TABLE of_both () INHERITS (first_with_check, second_with_check);
ALTER TABLE first_with_check ADD CONSTRAINT above CHECK (a > 1);
ALTER TABLE second_with_check ADD CONSTRAINT above CHECK (a > 1);

CREATE TABLE typed OF comp (a WITH OPTIONS DEFAULT 4, CHECK (b IN ('x', 'y')));
CREATE TABLE with_row (r comp DEFAULT ROW(1, 'x'), CHECK ((r).a > 0 AND (r).b IN ('x')));
CREATE TABLE self (id int PRIMARY KEY, up int REFERENCES self);
INSERT INTO self VALUES (1, NULL), (2, 1);
CREATE TABLE hen (id int PRIMARY KEY, egg int);
CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen);
ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg;
