-- Copyright (c) 2026 Lifeboat contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The golden database: one of everything that a backup could lose. Run by psql as a superuser into an empty database of
-- PostgreSQL 15 or newer, in UTF8 or LATIN1. Needs the extension lifeboat_probe, which tests/integration installs.

\set ON_ERROR_STOP on
\set QUIET on
SET client_encoding = 'UTF8';
SET client_min_messages = warning;

-- Roles, which outlive a database.
SELECT format('CREATE ROLE %I %s', r.name, r.options)
  FROM (VALUES ('golden owner', 'LOGIN'),
               ('golden_reader', 'NOLOGIN'),
               (E'golden "writer"; DROP ROLE postgres; --', 'LOGIN CONNECTION LIMIT 7'),
               ('-golden=$HOME `id`', 'LOGIN'),
               ('golden_créateur', 'NOLOGIN NOINHERIT')) AS r (name, options)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r.name) \gexec
GRANT golden_reader TO "golden owner" WITH ADMIN OPTION;
GRANT golden_reader TO "golden_créateur";
ALTER ROLE golden_reader SET statement_timeout = '1h';
COMMENT ON ROLE golden_reader IS 'reads; doesn''t write';

-- The database's own properties.
SELECT format('ALTER DATABASE %I OWNER TO "golden owner"', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET work_mem = ''5MB''', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET search_path = "$user", public, "odd, schema"', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET golden.tenant = ''a=b''''c''', current_database()) \gexec
SELECT format('ALTER DATABASE %I CONNECTION LIMIT 77', current_database()) \gexec
SELECT format('COMMENT ON DATABASE %I IS ''the golden one: it''''s all here\n''', current_database()) \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO golden_reader WITH GRANT OPTION', current_database()) \gexec
SELECT format('ALTER ROLE golden_reader IN DATABASE %I SET search_path = ''odd, schema'', public', current_database()) \gexec
SELECT format('ALTER ROLE "golden owner" IN DATABASE %I SET lock_timeout = ''3s''', current_database()) \gexec

-- Schemas with hostile names.
CREATE SCHEMA app AUTHORIZATION "golden owner";
CREATE SCHEMA "odd, schema";
CREATE SCHEMA "Häß""lich.$1;*?[a-z]{2}|^(x)\";
CREATE SCHEMA "../../etc/passwd";
COMMENT ON SCHEMA app IS 'the application';
GRANT USAGE ON SCHEMA app TO golden_reader;
GRANT CREATE, USAGE ON SCHEMA "odd, schema" TO "golden_créateur" WITH GRANT OPTION;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- Extensions: one with configuration tables, some with types.
CREATE SCHEMA probe;
CREATE EXTENSION lifeboat_probe SCHEMA probe;
INSERT INTO probe.probe_settings (name, value, builtin) VALUES ('mine', 'kept', false), ('also mine', NULL, false);
INSERT INTO probe.probe_everything SELECT i, 'row ' || i FROM generate_series(1, 20) i;
SELECT nextval('probe.probe_counter') FROM generate_series(1, 5) \g /dev/null
INSERT INTO probe.probe_private VALUES ('never dumped');
GRANT SELECT ON probe.probe_settings TO golden_reader;
SELECT format('CREATE EXTENSION %I SCHEMA public', name) FROM pg_available_extensions
 WHERE name IN ('citext', 'hstore', 'pg_trgm', 'btree_gist', 'postgres_fdw', 'lo') ORDER BY name \gexec
COMMENT ON EXTENSION lifeboat_probe IS 'ours';

-- Types.
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'it''s "fine"', 'happy');
ALTER TYPE app.mood ADD VALUE 'elated' AFTER 'ok';
CREATE TYPE app.pair AS (a integer, "b c" text COLLATE "C");
CREATE TYPE app.span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE DOMAIN app.positive AS integer DEFAULT 1 NOT NULL CONSTRAINT more_than_zero CHECK (VALUE > 0);
CREATE DOMAIN app.short AS varchar(12) CHECK (VALUE IN ('a', 'b', 'it''s'));
COMMENT ON TYPE app.mood IS 'feelings';
COMMENT ON DOMAIN app.positive IS 'not negative';
COMMENT ON CONSTRAINT more_than_zero ON DOMAIN app.positive IS 'why';
GRANT USAGE ON TYPE app.mood TO golden_reader;
REVOKE USAGE ON DOMAIN app.short FROM PUBLIC;
CREATE COLLATION app.bytes FROM "C";
COMMENT ON COLLATION app.bytes IS 'a copy of C';

-- A base type whose cast to text is the user's, and lies.
CREATE TYPE app.liar;
CREATE FUNCTION app.liar_in(cstring) RETURNS app.liar LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION app.liar_out(app.liar) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE app.liar (INPUT = app.liar_in, OUTPUT = app.liar_out, LIKE = text);
CREATE FUNCTION app.lie(app.liar) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT random()::text';
CREATE CAST (app.liar AS text) WITH FUNCTION app.lie(app.liar);
COMMENT ON CAST (app.liar AS text) IS 'lies';

-- Functions, operators, aggregates, casts.
CREATE FUNCTION app.double(integer, factor integer DEFAULT 2) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 7
    AS 'SELECT $1 * factor';
CREATE FUNCTION app.secret() RETURNS text LANGUAGE plpgsql SECURITY DEFINER STABLE SET search_path = pg_catalog, app
    AS $f$ BEGIN RETURN 'dollar $$ quoted; \! touch /tmp/x'; END $f$;
ALTER FUNCTION app.secret() OWNER TO "golden owner";
REVOKE ALL ON FUNCTION app.secret() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.secret() TO golden_reader;
CREATE FUNCTION app."new-line
function; --"(VARIADIC "a b" text[], OUT x integer, OUT y text) RETURNS SETOF record LANGUAGE sql
    BEGIN ATOMIC SELECT 1, 'x'::text; END;
CREATE PROCEDURE app.proc(INOUT i integer) LANGUAGE plpgsql AS 'BEGIN i := i + 1; COMMIT; END';
CREATE FUNCTION app.pair_to_text(app.pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.a || ''/'' || $1."b c"';
CREATE CAST (app.pair AS text) WITH FUNCTION app.pair_to_text(app.pair) AS ASSIGNMENT;
CREATE FUNCTION app.mood_less(app.mood, app.mood) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text < $2::text';
CREATE OPERATOR app.<<< (LEFTARG = app.mood, RIGHTARG = app.mood, FUNCTION = app.mood_less, COMMUTATOR = OPERATOR(app.>>>));
COMMENT ON OPERATOR app.<<< (app.mood, app.mood) IS 'by name';
CREATE FUNCTION app.reverse_compare(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT btint4cmp($2, $1)';
CREATE OPERATOR FAMILY app.reversed USING btree;
CREATE OPERATOR CLASS app.reversed_ops FOR TYPE integer USING btree FAMILY app.reversed AS
    OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 app.reverse_compare(integer, integer);
CREATE AGGREGATE app.product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE AGGREGATE app.most_frequent(ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
    FINALFUNC = mode_final, FINALFUNC_EXTRA);
COMMENT ON AGGREGATE app.product(numeric) IS 'multiplies';
CREATE CONVERSION app.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH DICTIONARY app.simple_words (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION app.words (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION app.words ALTER MAPPING FOR asciiword, word WITH app.simple_words, simple;
CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal));

-- Tables: every type, and rows that are hard to carry.
CREATE TABLE app.every_type (
    id bigint GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT 10) PRIMARY KEY,
    by_default integer GENERATED BY DEFAULT AS IDENTITY,
    counted serial,
    doubled bigint GENERATED ALWAYS AS (by_default * 2) STORED,
    b boolean, s smallint, r real, d double precision, n numeric, n2 numeric(20, 5), t text, v varchar(10), c char(5),
    bytes bytea, j json, jb jsonb, u uuid, m money, dt date, tm time, tmz timetz, ts timestamp, tsz timestamptz, i interval,
    ip inet, net cidr, mac macaddr, bits bit varying(9), p point, poly polygon, x xml, tsv tsvector, tsq tsquery,
    ints integer[], texts text[][], moods app.mood[], pair app.pair, pairs app.pair[], pos app.positive, short app.short,
    r4 int4range, rn numrange, mr int4multirange, sp app.span, lsn pg_lsn, o oid, reg regclass, nm name, ch "char", lie app.liar,
    "Ünï ""cödé""; $1" text DEFAULT E'it''s\n"x"\\',
    CHECK (v IN ('short', 'tiny', '') OR v IS NULL),
    CONSTRAINT "check; it" CHECK (s BETWEEN -32768 AND 32767 AND (t <> 'forbidden' OR t LIKE 'a%'))
);
INSERT INTO app.every_type (b, s, r, d, n, n2, t, v, c, bytes, j, jb, u, m, dt, tm, tmz, ts, tsz, i, ip, net, mac, bits, p, poly,
    x, tsv, tsq, ints, texts, moods, pair, pairs, pos, short, r4, rn, mr, sp, lsn, o, reg, nm, ch, lie) VALUES
    (true, -32768, 'NaN', 'Infinity', 'NaN', 12345678.12345, E'tab\tnew\nline \\N \\. é', 'short', 'ab', '\x00ff5c2e0a', '{"a": 1, "a":2}',
     '{"b": [1.50, null, "é"]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 12.34, '4713-01-01 BC', '24:00', '23:59:59.999999+14',
     '294276-12-31 23:59:59.999999', 'infinity', '-178000000 years 3 days', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03',
     B'10101', '(1e300,-0)', '((0,0),(1,1),(2,0))', '<a>&lt;</a>', 'a:1A fat:2B,4C', 'fat & !rat', '[0:2]={1,NULL,3}',
     '{{"a,b",NULL},{"","{}"}}', '{sad,"it''s \"fine\""}', '(1,"x,y")', '{"(1,a)",NULL}', 5, 'it''s', '[1,10)', '(,5]', '{[1,3),[5,7)}',
     '[0.1,0.30000000000000004)', 'FF/FF', 4294967295, 'app.every_type', 'a name', 'é'::"char", 'truth'),
    (false, 32767, '-Infinity', 1e-300, 1e1000::numeric * -1, NULL, '', '', '', '', 'null', 'null', NULL, '-92233720368547758.08',
     'infinity', '00:00', '00:00-12', '-infinity', '2000-01-01 00:00:00+00', '1 mon -1 day 00:00:00.000001', '0.0.0.0', '::/0', NULL, B'',
     NULL, NULL, '', '', '', '{}', '{}', '{}', '(,)', '{}', 1, NULL, 'empty', 'empty', '{}', 'empty', '0/0', 0, '-', '', '', '');
INSERT INTO app.every_type (pos) SELECT 1 FROM generate_series(1, 5);
CREATE TABLE app.no_columns ();
INSERT INTO app.no_columns SELECT FROM generate_series(1, 7);
CREATE TABLE app.equal_rows (a integer, b text);
INSERT INTO app.equal_rows VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL), (2, '');
CREATE TABLE app.dropped (a integer, gone text, b text DEFAULT 'b', gone_too integer);
INSERT INTO app.dropped SELECT i, 'gone', 'kept ' || i, i FROM generate_series(1, 10) i;
ALTER TABLE app.dropped DROP COLUMN gone, DROP COLUMN gone_too, ADD COLUMN added integer DEFAULT 42;
CREATE TABLE app.stored (a text, b text, c text, d text) WITH (fillfactor = 70, autovacuum_enabled = false,
    toast.autovacuum_enabled = false);
ALTER TABLE app.stored ALTER COLUMN a SET STORAGE EXTERNAL, ALTER COLUMN b SET STORAGE MAIN,
    ALTER COLUMN c SET STATISTICS 500, ALTER COLUMN c SET (n_distinct = -0.5),
    ALTER COLUMN d SET COMPRESSION pglz, ALTER COLUMN d SET STORAGE EXTENDED;
INSERT INTO app.stored SELECT repeat(md5(i::text), 300), repeat('b', 9000), 'c', repeat(md5(i::text), 1000) FROM generate_series(1, 20) i;
CREATE STATISTICS app.stored_statistics (ndistinct, dependencies, mcv) ON a, c, (length(b)) FROM app.stored;
ALTER STATISTICS app.stored_statistics SET STATISTICS 200;
COMMENT ON STATISTICS app.stored_statistics IS 'of three';
CREATE UNLOGGED TABLE app.unlogged (id serial PRIMARY KEY, t text);
INSERT INTO app.unlogged (t) SELECT 'u' || i FROM generate_series(1, 9) i;
CREATE TABLE app.of_type OF app.pair (a PRIMARY KEY, "b c" WITH OPTIONS DEFAULT 'x');
INSERT INTO app.of_type VALUES (1, 'one'), (2, DEFAULT);
COMMENT ON TABLE app.every_type IS E'line\nbreak; \\! id';
COMMENT ON COLUMN app.every_type.pair IS 'a pair';
COMMENT ON CONSTRAINT "check; it" ON app.every_type IS 'bounds';
COMMENT ON INDEX app.every_type_pkey IS 'the key';

-- Hostile names of tables, columns, sequences.
CREATE TABLE "Häß""lich.$1;*?[a-z]{2}|^(x)\"."new
line ""q"" 'a' $$ ; \! `id` ../x *" ("co
l;--" integer PRIMARY KEY, "sélect * from" text, "%s %(x)s {0}" text, "$1" text);
INSERT INTO "Häß""lich.$1;*?[a-z]{2}|^(x)\"."new
line ""q"" 'a' $$ ; \! `id` ../x *" SELECT i, 'a' || i, NULL, '' FROM generate_series(1, 30) i;
CREATE TABLE "odd, schema"."--file=/tmp/x" (a integer);
INSERT INTO "odd, schema"."--file=/tmp/x" VALUES (1), (2), (3);
CREATE TABLE "odd, schema"."host=evil dbname=x" (a integer);
INSERT INTO "odd, schema"."host=evil dbname=x" VALUES (1);
CREATE TABLE "odd, schema"."63 bytes long name 89 123456789 123456789 123456789 123456789 12" (a integer);
INSERT INTO "odd, schema"."63 bytes long name 89 123456789 123456789 123456789 123456789 12" VALUES (1), (2);
CREATE TABLE "odd, schema"." lead and trail " (" " integer, "UPPER" integer, "upper" integer);
INSERT INTO "odd, schema"." lead and trail " VALUES (1, 2, 3), (4, 5, 6);
CREATE TABLE "odd, schema"."t*" (a integer);
INSERT INTO "odd, schema"."t*" VALUES (1);
CREATE TABLE "odd, schema".tx (a integer);
INSERT INTO "odd, schema".tx VALUES (1), (2), (3), (4);
CREATE TABLE "../../etc/passwd"."../shadow" (a integer);
INSERT INTO "../../etc/passwd"."../shadow" VALUES (0);
CREATE SEQUENCE "odd, schema"."seq ""x""; é" START 5;
SELECT setval('"odd, schema"."seq ""x""; é"', 77) \g /dev/null

-- Sequences that stand alone.
CREATE SEQUENCE app.never_called START 17;
CREATE SEQUENCE app.going_down INCREMENT -3 MINVALUE -100 MAXVALUE 100 START 100;
SELECT nextval('app.going_down') FROM generate_series(1, 4) \g /dev/null
CREATE SEQUENCE app.cycling AS smallint MINVALUE 1 MAXVALUE 3 CYCLE CACHE 2;
SELECT nextval('app.cycling') FROM generate_series(1, 5) \g /dev/null
CREATE SEQUENCE app.set_uncalled;
SELECT setval('app.set_uncalled', 1234, false) \g /dev/null
GRANT USAGE ON SEQUENCE app.never_called TO golden_reader;

-- Partitions.
CREATE TABLE app.events (at date NOT NULL, region text NOT NULL, payload text, PRIMARY KEY (at, region)) PARTITION BY RANGE (at);
CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE app.events_2025 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (region);
CREATE TABLE app.events_2025_eu PARTITION OF app.events_2025 FOR VALUES IN ('eu', 'uk');
CREATE TABLE app.events_2025_other PARTITION OF app.events_2025 DEFAULT;
CREATE TABLE app.events_other (region text NOT NULL, extra_dropped integer, payload text, at date NOT NULL);
ALTER TABLE app.events_other DROP COLUMN extra_dropped;
ALTER TABLE app.events ATTACH PARTITION app.events_other DEFAULT;
CREATE INDEX events_payload ON app.events (payload text_pattern_ops DESC) INCLUDE (region) WHERE payload IS NOT NULL;
INSERT INTO app.events SELECT date '2023-06-01' + i * 30, (ARRAY['eu', 'us', 'uk'])[1 + i % 3], 'p' || i FROM generate_series(1, 36) i;
CREATE TABLE app.hashed (id bigint, t text) PARTITION BY HASH (id);
CREATE TABLE app.hashed_0 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.hashed_1 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1) WITH (fillfactor = 50);
INSERT INTO app.hashed SELECT i, 'h' FROM generate_series(1, 100) i;
ALTER TABLE app.hashed_1 ALTER COLUMN t SET DEFAULT 'only here';
CREATE TABLE app.never_filled (a integer) PARTITION BY RANGE (a, (a + 1));

-- Inheritance, with columns in another order than the parent's.
CREATE TABLE app.parent (a integer, b text, c date DEFAULT '2020-01-01', CONSTRAINT a_positive CHECK (a > 0));
CREATE TABLE app.child (c date, extra text, b text, a integer, CONSTRAINT a_positive CHECK (a > 0));
ALTER TABLE app.child INHERIT app.parent;
CREATE TABLE app.grandchild (own integer DEFAULT 3) INHERITS (app.child);
ALTER TABLE app.parent ADD COLUMN late numeric DEFAULT 1.5;
INSERT INTO app.parent VALUES (1, 'p', '2021-01-01');
INSERT INTO app.child (a, b, extra) VALUES (2, 'c', 'e'), (3, 'c', 'e');
INSERT INTO app.grandchild (a, b, own) VALUES (4, 'g', 9);

-- Constraints: deferrable, a cycle of foreign keys, exclusion, not valid, and a function that reads another table.
CREATE TABLE app.hen (id integer PRIMARY KEY, egg integer);
CREATE TABLE app.egg (id integer PRIMARY KEY, hen integer REFERENCES app.hen ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE app.hen ADD CONSTRAINT hen_egg FOREIGN KEY (egg) REFERENCES app.egg ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO app.hen VALUES (1, 10), (2, 20);
INSERT INTO app.egg VALUES (10, 1), (20, 2);
COMMIT;
CREATE TABLE app.unique_later (a integer UNIQUE DEFERRABLE INITIALLY DEFERRED, b integer, during int4range,
    CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&) WHERE (b > 0));
INSERT INTO app.unique_later VALUES (1, 1, '[1,2)'), (2, 1, '[2,3)'), (NULL, NULL, NULL);
ALTER TABLE app.unique_later ADD CONSTRAINT not_checked CHECK (a < 100) NOT VALID;
CREATE TABLE app.self_reference (id integer PRIMARY KEY, up integer REFERENCES app.self_reference);
INSERT INTO app.self_reference VALUES (1, NULL), (2, 1), (3, 2);
-- pg_dump writes tables by name, so a plain restore works; where z_limited is loaded first, it fails once.
CREATE TABLE app.a_limits (top integer);
INSERT INTO app.a_limits VALUES (10);
CREATE FUNCTION app.below_limit(integer) RETURNS boolean LANGUAGE sql STABLE
    AS 'SELECT $1 <= (SELECT max(top) FROM app.a_limits)';
CREATE TABLE app.z_limited (n integer, CONSTRAINT below CHECK (coalesce(app.below_limit(n), false)));
INSERT INTO app.z_limited VALUES (1), (10);
CREATE TABLE app.event_ref (at date, region text, FOREIGN KEY (at, region) REFERENCES app.events);
INSERT INTO app.event_ref SELECT at, region FROM app.events LIMIT 5;

-- Indexes of several kinds.
CREATE INDEX equal_expression ON app.equal_rows (lower(b) COLLATE app.bytes, (a + 1) NULLS FIRST) WITH (fillfactor = 60);
CREATE INDEX equal_function ON app.equal_rows (app.double(a));
CREATE INDEX equal_reversed ON app.equal_rows (a app.reversed_ops);
ALTER INDEX app.equal_expression ALTER COLUMN 2 SET STATISTICS 300;
CREATE UNIQUE INDEX dropped_unique ON app.dropped (a) NULLS NOT DISTINCT;
ALTER TABLE app.dropped CLUSTER ON dropped_unique;
ALTER TABLE app.dropped ALTER COLUMN a SET NOT NULL;
ALTER TABLE app.dropped REPLICA IDENTITY USING INDEX dropped_unique;
ALTER TABLE app.equal_rows REPLICA IDENTITY FULL;
ALTER TABLE app.no_columns REPLICA IDENTITY NOTHING;

-- Views, rules, materialised views upon each other.
CREATE VIEW app.guarded WITH (security_barrier = true) AS SELECT a, b FROM app.equal_rows WHERE a > 0 WITH LOCAL CHECK OPTION;
CREATE VIEW app.joined AS SELECT e.*, u.t AS "Ü" FROM app.equal_rows e LEFT JOIN app.unlogged u ON u.id = e.a
    WHERE e.b IN ('x', 'y') GROUP BY e.a, e.b, u.id;
CREATE RECURSIVE VIEW app.ladder (id, depth) AS
    SELECT id, 1 FROM app.self_reference WHERE up IS NULL
    UNION ALL SELECT s.id, l.depth + 1 FROM app.self_reference s JOIN ladder l ON s.up = l.id;
ALTER VIEW app.joined OWNER TO "golden owner";
ALTER VIEW app.guarded ALTER COLUMN b SET DEFAULT 'from the view';
CREATE MATERIALIZED VIEW app.z_totals AS SELECT a, count(*) AS n FROM app.equal_rows GROUP BY a;
CREATE UNIQUE INDEX z_totals_a ON app.z_totals (a);
CREATE MATERIALIZED VIEW app.a_upon AS SELECT sum(n) AS total FROM app.z_totals;
CREATE MATERIALIZED VIEW app.empty AS SELECT 1 AS one WITH NO DATA;
COMMENT ON VIEW app.guarded IS 'a view';
COMMENT ON MATERIALIZED VIEW app.a_upon IS 'upon another';
CREATE RULE note_insert AS ON INSERT TO app.joined DO INSTEAD INSERT INTO app.equal_rows (a, b) VALUES (NEW.a, NEW.b);
CREATE RULE nothing AS ON DELETE TO app.a_limits WHERE OLD.top > 5 DO INSTEAD NOTHING;
COMMENT ON RULE nothing ON app.a_limits IS 'keeps';

-- Triggers.
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "touch; it" BEFORE INSERT OR UPDATE OF a ON app.equal_rows FOR EACH ROW WHEN (NEW.a IS NOT NULL) EXECUTE FUNCTION app.touch('arg ''1''', 'é');
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON app.equal_rows DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE TRIGGER per_statement AFTER UPDATE ON app.equal_rows REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION app.touch();
CREATE TRIGGER on_partitions AFTER INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE TRIGGER of_view INSTEAD OF UPDATE ON app.guarded FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.equal_rows DISABLE TRIGGER late;
ALTER TABLE app.equal_rows ENABLE ALWAYS TRIGGER per_statement;
COMMENT ON TRIGGER late ON app.equal_rows IS 'is off';

-- Row security.
CREATE TABLE app.secured (owner name DEFAULT current_user, t text);
INSERT INTO app.secured SELECT CASE WHEN i % 2 = 0 THEN 'golden_reader' ELSE 'nobody' END, 't' || i FROM generate_series(1, 100) i;
ALTER TABLE app.secured ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.secured FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON app.secured FOR SELECT TO golden_reader, "golden_créateur" USING (owner = current_user);
CREATE POLICY "strict; one" ON app.secured AS RESTRICTIVE FOR ALL USING (true) WITH CHECK (t <> 'x');
COMMENT ON POLICY own_rows ON app.secured IS 'half of them';
ALTER TABLE app.secured OWNER TO "golden owner";

-- Grants.
GRANT SELECT, INSERT ON app.every_type TO golden_reader;
GRANT SELECT (id, t), UPDATE ("Ünï ""cödé""; $1") ON app.every_type TO "golden_créateur" WITH GRANT OPTION;
GRANT ALL ON ALL TABLES IN SCHEMA "odd, schema" TO "-golden=$HOME `id`";
GRANT SELECT ON app.hashed TO PUBLIC;
ALTER TABLE app.hen OWNER TO "golden owner";
REVOKE ALL ON app.hen FROM "golden owner";
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO golden_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE "golden owner" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE "golden owner" IN SCHEMA app GRANT USAGE ON SEQUENCES TO "golden_créateur" WITH GRANT OPTION;
ALTER TABLE app.parent OWNER TO "golden ""writer""; DROP ROLE postgres; --";

-- Large objects, with owners, grants, comments, and holes.
SELECT lo_from_bytea(910001, decode(repeat('00ff41', 3000), 'hex')) \g /dev/null
SELECT lo_from_bytea(910002, '') \g /dev/null
SELECT lo_create(910003) \g /dev/null
BEGIN;
SELECT lo_put(910003, 100000, '\x414243') \g /dev/null
COMMIT;
ALTER LARGE OBJECT 910001 OWNER TO "golden owner";
GRANT SELECT ON LARGE OBJECT 910001 TO golden_reader;
GRANT SELECT, UPDATE ON LARGE OBJECT 910002 TO "golden_créateur" WITH GRANT OPTION;
COMMENT ON LARGE OBJECT 910001 IS 'a picture';

-- Foreign data. The wrapper has no handler, so nothing can be reached through it.
CREATE FOREIGN DATA WRAPPER nowhere OPTIONS (debug 'true');
CREATE SERVER "far; away" TYPE 'oracle' VERSION '1' FOREIGN DATA WRAPPER nowhere OPTIONS (host 'evil.example', note 'it''s "x"');
CREATE USER MAPPING FOR PUBLIC SERVER "far; away" OPTIONS (user 'u', password 'p''w');
CREATE USER MAPPING FOR golden_reader SERVER "far; away" OPTIONS (password 's3cret');
CREATE FOREIGN TABLE app.foreign_table (a integer OPTIONS (column_name 'A'), b text NOT NULL) SERVER "far; away" OPTIONS (table 'T');
GRANT USAGE ON FOREIGN SERVER "far; away" TO golden_reader;
GRANT USAGE ON FOREIGN DATA WRAPPER nowhere TO "golden owner";
ALTER SERVER "far; away" OWNER TO "golden owner";
COMMENT ON SERVER "far; away" IS 'nowhere';

-- Publications, event triggers, languages.
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, delete');
CREATE PUBLICATION "some; of it" FOR TABLE app.equal_rows (a, b) WHERE (a > 0), app.hashed;
CREATE PUBLICATION a_schema FOR TABLES IN SCHEMA "odd, schema";
ALTER PUBLICATION "some; of it" SET (publish_via_partition_root = true);
COMMENT ON PUBLICATION everything IS 'all';
CREATE FUNCTION app.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER "on ddl" ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION app.on_ddl();
ALTER EVENT TRIGGER "on ddl" ENABLE REPLICA;
COMMENT ON EVENT TRIGGER "on ddl" IS 'watches';
CREATE FUNCTION app.my_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE my_sql HANDLER app.my_handler;
COMMENT ON LANGUAGE my_sql IS 'a language';
GRANT USAGE ON LANGUAGE my_sql TO golden_reader;
