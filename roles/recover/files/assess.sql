-- Tells what is damaged in the database that psql is connected to, as JSON; with reindex on, damaged indexes are built again.
-- Each relation is looked at in a transaction of its own, so that no lock is held for long, and one that is damaged
-- does not hide the next.
SELECT count(*) = 0 AS lacking FROM pg_catalog.pg_extension WHERE extname = 'amcheck' \gset
\if :lacking
CREATE EXTENSION amcheck SCHEMA pg_catalog;
\endif
SELECT set_config('lifeboat.schema', n.nspname, false) AS schema, set_config('lifeboat.reindex', :'reindex', false) AS reindex
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck' \gset
CREATE TEMP TABLE lifeboat_damage (kind text, name text, said text, reindexed boolean DEFAULT false);
DO $$
DECLARE
  one record;
  found text;
BEGIN
  FOR one IN
    SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
    LEFT JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relpersistence <> 't' AND (c.relkind IN ('r', 'm', 't') AND a.amname = 'heap'
      OR c.relkind = 'i' AND a.amname = 'btree' AND i.indisvalid AND i.indisready)
    ORDER BY c.oid
  LOOP
    found := NULL;
    BEGIN
      IF one.relkind = 'i' THEN
        EXECUTE format('SELECT %I.bt_index_check($1::regclass, true)', current_setting('lifeboat.schema')) USING one.oid;
      ELSE
        -- All arguments, with their types: a function that somebody made for fewer of them would be taken first.
        EXECUTE format('SELECT msg FROM %I.verify_heapam($1::regclass, true, false, $2, NULL::bigint, NULL::bigint) LIMIT 1',
          current_setting('lifeboat.schema'))
        INTO found USING one.oid, 'none'::text;
      END IF;
    EXCEPTION
      WHEN undefined_table OR undefined_object THEN NULL; -- dropped in the meantime
      WHEN OTHERS THEN found := SQLSTATE || ' ' || SQLERRM;
    END;
    IF found IS NOT NULL THEN
      INSERT INTO pg_temp.lifeboat_damage VALUES (CASE one.relkind WHEN 'i' THEN 'index' ELSE 'table' END, one.name, found);
    END IF;
    COMMIT;
  END LOOP;
  FOR one IN SELECT name FROM pg_temp.lifeboat_damage WHERE kind = 'index' AND current_setting('lifeboat.reindex') = 'on'
  LOOP
    BEGIN
      EXECUTE 'REINDEX INDEX ' || one.name;
      UPDATE pg_temp.lifeboat_damage SET reindexed = true WHERE kind = 'index' AND name = one.name;
    EXCEPTION
      WHEN OTHERS THEN UPDATE pg_temp.lifeboat_damage SET said = SQLSTATE || ' ' || SQLERRM WHERE name = one.name;
    END;
    COMMIT;
  END LOOP;
END $$;
SELECT json_build_object(
  'tables', coalesce(json_agg(name ORDER BY name) FILTER (WHERE kind = 'table'), '[]'),
  'indexes', coalesce(json_agg(name ORDER BY name) FILTER (WHERE kind = 'index' AND NOT reindexed), '[]'),
  'reindexed', coalesce(json_agg(name ORDER BY name) FILTER (WHERE reindexed), '[]'))
FROM pg_temp.lifeboat_damage;
\if :lacking
DROP EXTENSION amcheck;
\endif
