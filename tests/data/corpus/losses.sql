-- Copyright (c) 2026 Lifeboat contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What PostgreSQL's own dump leaves out without a word. Run by psql into an empty database.

CREATE SCHEMA losses; SET search_path = losses, public;
CREATE EXTENSION lifeboat_probe SCHEMA public;
CREATE INDEX on_extension ON public.probe_settings (value);
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
CREATE TRIGGER on_extension BEFORE INSERT ON public.probe_settings FOR EACH ROW EXECUTE FUNCTION tf();
COMMENT ON TABLE public.probe_settings IS 'my comment';
COMMENT ON INDEX public.on_extension IS 'my index';
CREATE STATISTICS public.on_ext (ndistinct) ON name, value FROM public.probe_settings;
CREATE RULE mine AS ON DELETE TO public.probe_settings DO ALSO SELECT 1;
ALTER TABLE public.probe_settings ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON public.probe_settings USING (true);
COMMENT ON POLICY mine ON public.probe_settings IS 'x';
ALTER TABLE public.probe_settings OWNER TO pg_database_owner;
CREATE TABLE childofext () INHERITS (public.probe_settings);
CREATE TABLE public.added (a int); ALTER EXTENSION lifeboat_probe ADD TABLE public.added;
-- In the system's own schemas and families.
CREATE FUNCTION pg_catalog.mine(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION cmp(int, text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION eq(int, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = text, FUNCTION = eq);
ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 3 === (int, text), FUNCTION 1 (int, text) cmp(int, text);
COMMENT ON FUNCTION pg_catalog.abs(int) IS 'mine';
COMMENT ON TYPE pg_catalog.int4 IS 'mine';
-- An index that could not be finished.
CREATE TABLE dup (a int); INSERT INTO dup VALUES (1), (1);
\set ON_ERROR_STOP off
CREATE UNIQUE INDEX CONCURRENTLY dup_a ON dup (a);
\set ON_ERROR_STOP on
COMMENT ON INDEX dup_a IS 'invalid';
-- Inherited things.
CREATE TABLE pp (a int PRIMARY KEY, b int, CONSTRAINT ck CHECK (b > 0)) PARTITION BY RANGE (a); CREATE TABLE pp1 PARTITION OF pp FOR VALUES FROM (1) TO (10);
CREATE TABLE refd (a int PRIMARY KEY); ALTER TABLE pp ADD CONSTRAINT fk FOREIGN KEY (b) REFERENCES refd;
CREATE TRIGGER ptr AFTER INSERT ON pp FOR EACH ROW EXECUTE FUNCTION tf();
COMMENT ON TRIGGER ptr ON pp1 IS 'clone';
COMMENT ON CONSTRAINT ck ON pp1 IS 'inherited check';
COMMENT ON CONSTRAINT fk ON pp1 IS 'copy';
COMMENT ON CONSTRAINT pp1_pkey ON pp1 IS 'pk';
COMMENT ON INDEX pp1_pkey IS 'pki';
CREATE INDEX pidx ON ONLY pp (b);
ALTER TABLE pp1 DISABLE TRIGGER ptr;
CREATE TABLE par (a int NOT NULL CHECK (a > 0)); CREATE TABLE chi () INHERITS (par);
SELECT current_setting('server_version_num')::int < 180000 AS may_drop_not_null \gset
\if :may_drop_not_null
ALTER TABLE chi ALTER a DROP NOT NULL;
\endif
COMMENT ON CONSTRAINT par_a_check ON chi IS 'c';
CREATE MATERIALIZED VIEW mv AS SELECT 1 AS a; COMMENT ON COLUMN mv.a IS 'x';
CREATE DOMAIN dd AS int CONSTRAINT dc CHECK (VALUE > 0); COMMENT ON CONSTRAINT dc ON DOMAIN dd IS 'x';
CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end'; CREATE EVENT TRIGGER evt ON ddl_command_end EXECUTE FUNCTION ev(); ALTER EVENT TRIGGER evt DISABLE;
CREATE TYPE shell; CREATE OPERATOR ##> (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl, COMMUTATOR = <##);
ALTER TABLE dup ALTER a SET (n_distinct = 5); 
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE ft (a int CHECK (a > 0) NOT NULL) SERVER s; CREATE TRIGGER ftt AFTER INSERT ON ft FOR EACH ROW EXECUTE FUNCTION tf();
ALTER FUNCTION tf() DEPENDS ON EXTENSION lifeboat_probe;
CREATE INDEX dep ON dup (a); ALTER INDEX dep DEPENDS ON EXTENSION lifeboat_probe;
