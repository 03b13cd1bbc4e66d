-- Copyright (c) 2026 Lifeboat contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Constraints that have a name, a state or a period of time. Run by psql into an empty database.

CREATE SCHEMA constraints;
SET search_path = constraints, public;
SELECT current_setting('server_version_num')::int >= 180000 AS from_18 \gset

-- NOT NULL with names of their own: objects of the catalogue from PostgreSQL 18 on, and before that only words.
CREATE TABLE named (a int CONSTRAINT mine NOT NULL, c int NOT NULL, k int CONSTRAINT key_is_there NOT NULL PRIMARY KEY);
CREATE TABLE child (c int NOT NULL, e int) INHERITS (named);
CREATE TABLE grandchild () INHERITS (child);
INSERT INTO named VALUES (1, 2, 3);
INSERT INTO grandchild VALUES (4, 5, 6);
CREATE TABLE old_name (a int NOT NULL);
ALTER TABLE old_name RENAME TO other_name;
ALTER TABLE other_name RENAME a TO b;
CREATE TABLE parts (a int CONSTRAINT of_the_root NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE part_1 (b int CONSTRAINT of_the_part NOT NULL, a int CONSTRAINT its_own NOT NULL);
ALTER TABLE parts ATTACH PARTITION part_1 FOR VALUES FROM (1) TO (9);
CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (10) TO (19);
CREATE TABLE first (a int CONSTRAINT first_one NOT NULL);
CREATE TABLE second (a int CONSTRAINT second_one NOT NULL);
CREATE TABLE of_both () INHERITS (first, second);
CREATE TABLE without_key (a int);
CREATE TABLE with_key () INHERITS (without_key);
ALTER TABLE with_key ADD PRIMARY KEY (a);
CREATE DOMAIN filled AS int CONSTRAINT is_there NOT NULL;
CREATE DOMAIN later AS int;
ALTER DOMAIN later ADD CONSTRAINT above CHECK (VALUE > 0) NOT VALID;

\if :from_18
ALTER TABLE named ADD d int, ADD b int CONSTRAINT own NOT NULL NO INHERIT DEFAULT 1;
INSERT INTO named VALUES (7, 8, 9, NULL);
ALTER TABLE named ADD CONSTRAINT not_yet NOT NULL d NOT VALID;
CREATE TABLE last_child (CONSTRAINT again NOT NULL a) INHERITS (grandchild);
COMMENT ON CONSTRAINT mine ON named IS 'by name';
COMMENT ON CONSTRAINT named_c_not_null ON named IS 'by default';
COMMENT ON CONSTRAINT not_yet ON named IS 'not valid';
COMMENT ON CONSTRAINT mine ON child IS 'inherited';
COMMENT ON CONSTRAINT again ON last_child IS 'inherited and local';
COMMENT ON CONSTRAINT is_there ON DOMAIN filled IS 'of a domain';

-- What nobody enforces: rows that break it come back too.
CREATE TABLE loose (id int PRIMARY KEY, a int, CONSTRAINT believed CHECK (a > 0) NOT ENFORCED);
INSERT INTO loose VALUES (1, -1);
CREATE TABLE stricter (CONSTRAINT believed CHECK (a > 0)) INHERITS (loose);
CREATE TABLE refers (id int REFERENCES loose NOT ENFORCED, b int CHECK (b > 0) NO INHERIT NOT ENFORCED);
INSERT INTO refers VALUES (77, -1);
ALTER TABLE refers ADD CONSTRAINT deferred FOREIGN KEY (b) REFERENCES loose DEFERRABLE INITIALLY DEFERRED NOT ENFORCED;
CREATE TABLE refers_too () INHERITS (refers);
CREATE TABLE refers_in_parts (id int REFERENCES loose NOT ENFORCED) PARTITION BY LIST (id);
CREATE TABLE refers_in_part PARTITION OF refers_in_parts FOR VALUES IN (1, 2);
INSERT INTO refers_in_parts VALUES (2);
CREATE TABLE refers_unchecked (id int) PARTITION BY LIST (id);
CREATE TABLE refers_unchecked_1 PARTITION OF refers_unchecked FOR VALUES IN (1, 2);
INSERT INTO refers_unchecked VALUES (2);
ALTER TABLE refers_unchecked ADD CONSTRAINT unchecked FOREIGN KEY (id) REFERENCES loose NOT VALID;
CREATE TABLE no_longer (id int, CONSTRAINT no_longer FOREIGN KEY (id) REFERENCES loose);
ALTER TABLE no_longer ALTER CONSTRAINT no_longer NOT ENFORCED;

-- Keys that hold for a time.
CREATE TABLE prices (id int4range, at daterange, v text, PRIMARY KEY (id, at WITHOUT OVERLAPS));
INSERT INTO prices VALUES ('[1,2)', '[2020-01-01,2021-01-01)', 'x'), ('[1,2)', '[2021-01-01,2022-01-01)', 'y');
CREATE TABLE orders (at daterange, p int4range, FOREIGN KEY (p, PERIOD at) REFERENCES prices (id, PERIOD at));
INSERT INTO orders VALUES ('[2020-06-01,2021-06-01)', '[1,2)');
CREATE TABLE prices_in_parts (id int4range, at daterange, UNIQUE (id, at WITHOUT OVERLAPS)) PARTITION BY LIST (id);
CREATE TABLE prices_in_part PARTITION OF prices_in_parts FOR VALUES IN ('[1,2)');
CREATE TABLE times (id int4range, at datemultirange, CONSTRAINT times_key PRIMARY KEY (id, at WITHOUT OVERLAPS));
ALTER TABLE times REPLICA IDENTITY USING INDEX times_key;
\endif
