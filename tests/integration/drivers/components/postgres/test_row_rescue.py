# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows come back as they were: those that differ and no others, all or none, and with their owner's rights alone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import row_rescue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    connect,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors

if t.TYPE_CHECKING:
    from pathlib import Path


class Sides:
    """A database as it was and one that lives, made from the same SQL, and rescues between them."""

    def __init__(self, cluster: t.Any, source: str, live: str, directory: Path) -> None:
        self.cluster = cluster
        self.source = source
        self.live = live
        self.directory = str(directory)

    @contextlib.contextmanager
    def rescue(self, *tables: str, **options: t.Any) -> t.Iterator[row_rescue.Rescue]:
        names = tuple(("public", table) for table in tables)
        wanted = row_rescue.Wanted(
            names,
            {("public", name): value for name, value in options.pop("keys", {}).items()},
            {("public", name): value for name, value in options.pop("where", {}).items()},
            **options,
        )
        with contextlib.closing(connect(self.cluster.login, self.source)) as session:
            made = row_rescue.Rescue(session, self.cluster.login, self.live, wanted, directory=self.directory)
            with made:
                yield made

    def look(self, *tables: str, **options: t.Any) -> row_rescue.Found:
        with self.rescue(*tables, **options) as rescue:
            return rescue.compare()

    def bring_back(self, *tables: str, **options: t.Any) -> tuple[row_rescue.Found, tuple[str, ...]]:
        with self.rescue(*tables, **options) as rescue:
            return rescue.apply(rescue.compare())

    def sql(self, statement: str, *, live: bool = True) -> list[tuple[t.Any, ...]]:
        return t.cast("list[tuple[t.Any, ...]]", self.cluster.execute(statement, self.live if live else self.source))

    def same(self, *tables: str) -> bool:
        """Whether tables hold the same rows on both sides, as PostgreSQL writes them."""
        query = (
            "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\"), '') FROM ONLY public.{} AS t"
        )
        return all(
            self.sql(query.format(table)) == self.sql(query.format(table), live=False) and self.sql(query.format(table))
            for table in tables
        )


@pytest.fixture
def sides(cluster: t.Any, database: t.Any, tmp_path: Path) -> t.Callable[..., Sides]:
    def make(sql: str, changes: str = "") -> Sides:
        made = Sides(cluster(), database(sql=sql), database(sql=sql), tmp_path)
        if changes:
            made.sql(changes)
        return made

    return make


def counts(found: row_rescue.Found) -> list[tuple[int, ...]]:
    return [tuple(summary.counts.values()) for summary in found.summaries]


def firsts(found: row_rescue.Found, *, show_rows: bool = False) -> list[dict[str, t.Any]]:
    return [summary.facts(show_rows=show_rows)["first"] for summary in found.summaries]


SHOP = """
CREATE TABLE public.customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, email text);
CREATE TABLE public.orders (
    id bigserial PRIMARY KEY, customer bigint NOT NULL REFERENCES public.customers, total numeric(10,2),
    doubled numeric GENERATED ALWAYS AS (total * 2) STORED);
CREATE TABLE public.items (
    "order" bigint REFERENCES public.orders ON DELETE CASCADE, line int, what jsonb, weight float8, raw bytea,
    PRIMARY KEY ("order", line));
INSERT INTO public.customers (name, email)
SELECT 'customer ' || i, CASE WHEN i % 3 > 0 THEN i || '@x' END FROM generate_series(1, 300) i;
INSERT INTO public.orders (customer, total) SELECT 1 + i % 300, i / 7.0 FROM generate_series(1, 900) i;
INSERT INTO public.items SELECT 1 + i % 900, i / 900, jsonb_build_object('n', i, 't', E'tab\\there \\\\ and \\n'),
       sqrt(i), decode(md5(i::text), 'hex') FROM generate_series(1, 1800) i;
"""

# Orders 10 to 14 are of customers 11 to 15; an order has two items.
MISTAKES = """
DELETE FROM public.orders WHERE customer BETWEEN 11 AND 15;
DELETE FROM public.customers WHERE id BETWEEN 11 AND 15;
UPDATE public.orders SET total = NULL WHERE id IN (1, 2, 3);
UPDATE public.items SET what = 'null', weight = 'NaN', raw = NULL WHERE "order" = 5;
INSERT INTO public.customers (name) VALUES ('since then');
"""


def test_what_was_deleted_and_changed_is_back_and_what_came_since_stays(sides):
    shop = sides(SHOP, MISTAKES)
    tables = ("items", "orders", "customers")  # children first: the order is nobody's to know
    found = shop.look(*tables)
    assert counts(found) == [(30, 2, 0), (15, 3, 0), (5, 0, 1)]
    items, orders, customers = firsts(found)
    assert [row["key"] for row in orders["update"]] == [{"id": "1"}, {"id": "2"}, {"id": "3"}]
    assert all(row["columns"] == ["total"] for row in orders["update"])
    assert [row["columns"] for row in items["update"]] == [["what", "weight", "raw"]] * 2
    assert [row["key"]["id"] for row in customers["insert"]] == ["11", "12", "13", "14", "15"]
    assert customers["delete"] == [{"key": {"id": "301"}}]
    assert len(items["insert"]) == 20
    left, warnings = shop.bring_back(*tables)
    assert counts(left) == [(0, 0, 0), (0, 0, 0), (0, 0, 1)]
    assert warnings == ()
    assert shop.same("orders", "items")
    assert shop.sql("SELECT name FROM public.customers WHERE id > 300") == [("since then",)]
    assert shop.look(*tables).count == 0


def test_rows_that_came_since_go_where_that_is_asked_for(sides):
    shop = sides(SHOP, MISTAKES)
    found, _warnings = shop.bring_back("customers", "orders", "items", deletes=True)
    assert counts(found) == [(0, 0, 0)] * 3
    assert shop.same("customers", "orders", "items")


def test_values_are_shown_where_they_are_asked_for_and_nowhere_else(sides):
    shop = sides(SHOP, "UPDATE public.customers SET email = NULL, name = E'a\\tb' WHERE id = 4")
    [hidden], [shown] = firsts(shop.look("customers")), firsts(shop.look("customers"), show_rows=True)
    assert hidden["update"] == [{"key": {"id": "4"}, "columns": ["name", "email"]}]
    [row] = shown["update"]
    assert row["source"] == {"id": "4", "name": "customer 4", "email": "4@x"}
    assert row["live"] == {"id": "4", "name": "a\tb", "email": None}


def test_a_row_that_moved_after_the_look_ends_it_and_nothing_is_changed(sides):
    shop = sides(SHOP, "DELETE FROM public.items")
    with shop.rescue("items") as rescue:
        found = rescue.compare()
        shop.sql('INSERT INTO public.items ("order", line) VALUES (1, 1)')
        with pytest.raises(errors.Busy, match="Rows have changed") as caught:
            rescue.apply(found)
    assert caught.value.details["confirm"].startswith("public.items@1799+1+0#")
    assert shop.sql("SELECT count(*) FROM public.items") == [(1,)]


def test_a_parent_that_is_not_chosen_is_not_made_up(sides):
    shop = sides(SHOP, MISTAKES)
    with pytest.raises(errors.DatabaseError, match="orders_customer_fkey"):
        shop.bring_back("orders")
    assert counts(shop.look("orders")) == [(15, 3, 0)]


def test_deleting_rows_does_not_reach_a_table_that_nobody_chose(sides):
    shop = sides(SHOP, "INSERT INTO public.orders (customer) VALUES (1); INSERT INTO public.items VALUES (901, 1)")
    with pytest.raises(errors.DatabaseError, match=r"public\.items too, by its foreign key items_order_fkey"):
        shop.bring_back("orders", deletes=True)
    assert shop.sql("SELECT count(*) FROM public.items") == [(1801,)]


KEYS = """
CREATE COLLATION public.backwards (provider = icu, locale = 'en-u-kf-upper', deterministic = false);
CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'glad');
CREATE DOMAIN public.code AS text COLLATE "POSIX" CHECK (VALUE <> 'forbidden');
CREATE TABLE public.texts (k text COLLATE public.backwards, v int, PRIMARY KEY (k));
INSERT INTO public.texts VALUES ('a', 1), ('B', 2), ('é', 3), ('e', 4), ('', 5), (E'x\\ty', 6),
    (E'x\\\\ty', 7), ('Z', 8);
CREATE TABLE public.mixed (n numeric, m public.mood, c public.code, u uuid, b bytea, t timestamptz, f float8, i inet,
    v text, PRIMARY KEY (n, m, c, u, b, t, f, i));
INSERT INTO public.mixed SELECT i / 3.0, (ARRAY['sad', 'ok', 'glad'])[1 + i % 3]::public.mood, 'c' || i,
    md5(i::text)::uuid, decode(md5(i::text), 'hex'), '2026-11-20 10:00:00+00'::timestamptz + i * interval '1 day 1 us',
    CASE i % 5 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE 1.0 / i END, '10.0.0.0'::inet + i, 'v' || i
    FROM generate_series(1, 60) i;
CREATE TABLE public.unkeyed (n int NOT NULL, other int, CONSTRAINT by_n UNIQUE (n));
INSERT INTO public.unkeyed SELECT i, i FROM generate_series(1, 9) i;
CREATE TABLE public."Odd ""name" ("a b" int PRIMARY KEY, "C%s" text[], "char" "char", d char(5), vc varchar(3),
    r int4range);
INSERT INTO public."Odd ""name" VALUES (1, '{a,NULL,"b,c"}', 'x', 'ab', 'abc', '[1,5)'),
    (2, '{}', NULL, NULL, NULL, 'empty');
"""


def test_keys_of_any_kind_and_order(sides):
    made = sides(
        KEYS,
        """
        DELETE FROM public.texts WHERE k IN ('é', '', E'x\\ty'); UPDATE public.texts SET v = 0 WHERE k = 'Z';
        DELETE FROM public.mixed WHERE v LIKE 'v1%'; UPDATE public.mixed SET v = NULL WHERE v LIKE 'v2%';
        DELETE FROM public.unkeyed WHERE n = 3; UPDATE public.unkeyed SET other = -1 WHERE n = 4;
        DELETE FROM public."Odd ""name" WHERE "a b" = 1;
        UPDATE public."Odd ""name" SET "C%s" = '{x}', r = NULL, vc = 'q';
        """,
    )
    tables = ("texts", "mixed", "unkeyed", 'Odd "name')
    with pytest.raises(errors.UsageError, match="has no primary key"):
        made.look(*tables)
    found = made.look(*tables, keys={"unkeyed": "by_n"})
    assert counts(found) == [(3, 1, 0), (11, 11, 0), (1, 1, 0), (1, 1, 0)]
    made.bring_back(*tables, keys={"unkeyed": "by_n"})
    assert made.same("texts", "mixed", "unkeyed", '"Odd ""name"')
    with pytest.raises(errors.UsageError, match="no unique key 'nothing'"):
        made.look("unkeyed", keys={"unkeyed": "nothing"})


def test_only_the_rows_that_are_meant(sides):
    shop = sides(SHOP, MISTAKES)
    where = {"orders": "customer < 13", "customers": "id < 13"}
    assert counts(shop.look("customers", "orders", where=where)) == [(2, 0, 0), (6, 3, 0)]
    left, _warnings = shop.bring_back("customers", "orders", where=where)
    assert counts(left) == [(0, 0, 0)] * 2
    assert counts(shop.look("customers", "orders")) == [(3, 0, 1), (9, 0, 0)]


def test_columns_that_came_and_went(sides):
    made = sides(
        "CREATE TABLE public.t (id int PRIMARY KEY, gone text, stays text, later text);"
        "INSERT INTO public.t SELECT i, 'g', 's', 'l' FROM generate_series(1, 5) i;"
        "ALTER TABLE public.t ALTER gone SET NOT NULL",
        "ALTER TABLE public.t DROP COLUMN gone; ALTER TABLE public.t ADD fresh int DEFAULT 7;"
        "DELETE FROM public.t WHERE id < 3",
    )
    [facts] = [summary.facts(show_rows=False) for summary in made.look("t").summaries]
    assert (facts["inserts"], facts["left_out"], facts["added"]) == (2, ["gone"], ["fresh"])
    made.bring_back("t", where={"t": "id = 1 AND stays = 's'"})
    assert made.sql("SELECT * FROM public.t WHERE id < 3") == [(1, "s", "l", 7)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE public.t ALTER v TYPE bigint", "has type bigint and had integer"),
        (
            "ALTER TABLE public.t ADD w int NOT NULL DEFAULT 1; ALTER TABLE public.t ALTER w DROP DEFAULT",
            "must have a val",
        ),
        (
            "ALTER TABLE public.t DROP v; ALTER TABLE public.t ADD v int GENERATED ALWAYS AS (1) STORED",
            "is computed now",
        ),
        ("DROP TABLE public.t; CREATE VIEW public.t AS SELECT 1 AS id, 2 AS v", "is a view"),
        ("DROP TABLE public.t; CREATE TABLE public.t (id int, v int) PARTITION BY LIST (id)", "is partitioned"),
        ("DROP TABLE public.t", "There is no table"),
        ("CREATE RULE r AS ON INSERT TO public.t DO INSTEAD NOTHING", "has rules"),
        (
            "ALTER TABLE public.t FORCE ROW LEVEL SECURITY; ALTER TABLE public.t ENABLE ROW LEVEL SECURITY",
            "row security",
        ),
        ("ALTER TABLE public.t ADD a int DEFAULT 1", ""),
    ],
)
def test_what_cannot_be_compared_or_written_is_refused_by_name(sides, change, said):
    made = sides("CREATE TABLE public.t (id int PRIMARY KEY, v int); INSERT INTO public.t VALUES (1, 1)", change)
    made.sql(
        "DELETE FROM public.t WHERE id = 1"
    ) if "ADD a" in change or "RULE" in change or "FORCE" in change else None
    if not said:
        made.bring_back("t")
        return
    with pytest.raises(errors.RecoveryError, match=said):
        made.bring_back("t")


TRIGGERED = """
CREATE TABLE public.t (id serial PRIMARY KEY, v int, stamp text DEFAULT 'never');
CREATE TABLE public.log (id serial PRIMARY KEY, said text);
CREATE FUNCTION public.stamped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO log (said) VALUES (tg_op); NEW.stamp := 'stamped'; RETURN NEW; END $$;
CREATE TRIGGER stamped BEFORE INSERT OR UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION public.stamped();
ALTER TABLE public.t DISABLE TRIGGER stamped;
INSERT INTO public.t (v) SELECT i FROM generate_series(1, 5) i;
ALTER TABLE public.t ENABLE ALWAYS TRIGGER stamped;
"""


def test_triggers_run_and_what_they_change_is_told(sides):
    made = sides(TRIGGERED, "DELETE FROM public.t WHERE id = 2")
    left, warnings = made.bring_back("t")
    assert counts(left) == [(0, 1, 0)]
    assert warnings == ('The triggers of "public"."t" changed stamp in 1 of the rows on their way.',)
    assert made.sql("SELECT said FROM public.log") == [("INSERT",)]


def test_without_triggers_a_row_is_as_it_was_and_they_are_as_they_were(sides):
    made = sides(TRIGGERED, "DELETE FROM public.t WHERE id = 2")
    made.sql("CREATE TRIGGER off_before BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.stamped();"
             "ALTER TABLE public.t DISABLE TRIGGER off_before")  # fmt: skip
    made.bring_back("t", triggers=False)
    assert made.same("t")
    assert made.sql("SELECT * FROM public.log") == []
    enabled = made.sql("SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")
    assert enabled == [("off_before", "D"), ("stamped", "A")]


def test_a_trigger_that_keeps_rows_away_ends_it(sides):
    made = sides(
        "CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO public.t VALUES (1), (2);",
        """DELETE FROM public.t;
        CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER no BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.no();""",
    )
    with pytest.raises(errors.DatabaseError, match="Only 0 of 2 rows"):
        made.bring_back("t")
    made.bring_back("t", triggers=False)
    assert made.same("t")


def test_sequences_go_forward_and_never_back(sides):
    made = sides(
        "CREATE TABLE public.a (id serial PRIMARY KEY); CREATE TABLE public.b (id serial PRIMARY KEY);"
        "INSERT INTO public.a SELECT nextval('public.a_id_seq') FROM generate_series(1, 20);"
        "INSERT INTO public.b SELECT nextval('public.b_id_seq') FROM generate_series(1, 20)",
        "TRUNCATE public.a RESTART IDENTITY; DELETE FROM public.b; SELECT setval('public.b_id_seq', 500)",
    )
    assert made.look("a", "b").sequences == {"public.a_id_seq": 20}
    left, _warnings = made.bring_back("a", "b")
    assert left.sequences == {}
    assert made.sql("SELECT nextval('public.a_id_seq'), nextval('public.b_id_seq')") == [(21, 501)]


def test_tables_that_refer_to_each_other(sides):
    sql = """
    CREATE TABLE public.a (id int PRIMARY KEY, up int REFERENCES public.a, b int);
    CREATE TABLE public.b (id int PRIMARY KEY, a int REFERENCES public.a);
    ALTER TABLE public.a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES public.b {};
    INSERT INTO public.a VALUES (4, 3, NULL), (3, 4, NULL), (2, 1, NULL), (1, NULL, NULL);
    INSERT INTO public.b VALUES (1, 1), (2, 2); UPDATE public.a SET b = 1;
    """
    lost = "TRUNCATE public.a, public.b"
    later = sides(sql.format("DEFERRABLE"), lost)
    later.bring_back("b", "a")
    assert later.same("a", "b")
    with pytest.raises(errors.DatabaseError, match="refer to each other"):
        sides(sql.format(""), lost).bring_back("a", "b")


def test_what_nobody_can_change_is_refused_before_anything_is(sides):
    made = sides(
        "CREATE TABLE public.t (k text PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY);"
        "INSERT INTO public.t VALUES ('a')",
        "DELETE FROM public.t; INSERT INTO public.t VALUES ('a')",
    )
    with pytest.raises(errors.UsageError, match="GENERATED ALWAYS AS IDENTITY"):
        made.bring_back("t")


# Whatever code of an owner runs tells as whom, and tries to have other rights.
MALLORY = """
CREATE SCHEMA trap;
CREATE TABLE trap.ran (place text, by_whom text);
CREATE SEQUENCE trap.escaped; -- which counts what is rolled back too
GRANT ALL ON trap.ran TO PUBLIC; GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.tell(place text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN SET ROLE postgres; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN RESET SESSION AUTHORIZATION; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN ALTER ROLE mallory SUPERUSER; EXCEPTION WHEN OTHERS THEN NULL; END;
    INSERT INTO trap.ran VALUES (place, current_user);
    IF current_user <> 'mallory' THEN PERFORM nextval('trap.escaped'); END IF;
    PERFORM pg_catalog.set_config('search_path', 'trap, pg_catalog', false);
END $$;
CREATE FUNCTION trap.row() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM trap.tell(tg_name::text); RETURN coalesce(NEW, OLD); END $$;
CREATE FUNCTION trap.calm(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN PERFORM trap.tell('index'); RETURN i; END $$;
CREATE FUNCTION trap.same(a int, b int) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN PERFORM trap.tell('operator'); RETURN true; END $$;
CREATE OPERATOR trap.= (leftarg = int, rightarg = int, function = trap.same);
CREATE FUNCTION trap.lower(t text) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM trap.tell('function'); RETURN t; END $$;
CREATE FUNCTION trap.checked(t text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN PERFORM trap.tell('domain'); RETURN true; END $$;
CREATE DOMAIN public.word AS text;
CREATE TABLE public.t (id int PRIMARY KEY, w public.word, other int, up int);
INSERT INTO public.t SELECT i, 'w' || i, i, NULL FROM generate_series(1, 20) i;
"""

ARMED = """
DELETE FROM public.t WHERE id < 5; UPDATE public.t SET other = 0 WHERE id = 9; INSERT INTO public.t VALUES (99);
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OR DELETE ON public.t FOR EACH ROW EXECUTE FUNCTION trap.row();
CREATE CONSTRAINT TRIGGER later AFTER INSERT OR UPDATE OR DELETE ON public.t DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION trap.row();
ALTER DOMAIN public.word ADD CONSTRAINT c CHECK (trap.checked(VALUE));
CREATE INDEX calm ON public.t (trap.calm(1), other);
CREATE INDEX partial ON public.t (other) WHERE trap.calm(2) > 0;
CREATE STATISTICS public.s ON (trap.calm(3)), other FROM public.t;
ALTER TABLE public.t ALTER other SET DEFAULT trap.calm(4);
ALTER TABLE public.t ADD late int DEFAULT trap.calm(5);
DELETE FROM trap.ran;
"""


@pytest.fixture
def mallory(cluster: t.Any) -> t.Iterator[None]:
    server = cluster()
    server.execute("CREATE ROLE mallory LOGIN")
    yield
    for (name,) in server.execute("SELECT datname::text FROM pg_database WHERE datallowconn"):
        server.execute("DROP OWNED BY mallory CASCADE", name)
    server.execute("DROP ROLE mallory")


def hostile(sides: t.Any, changes: str) -> Sides:
    made: Sides = sides("SELECT 1")
    for database in (made.source, made.live):
        grants = f'GRANT CREATE ON DATABASE "{database}" TO mallory; GRANT ALL ON SCHEMA public TO mallory'
        made.cluster.execute(grants, database)
    for database, sql in ((made.source, MALLORY), (made.live, MALLORY), (made.live, changes)):
        # Never by a session of the superuser: there the traps would have worked already.
        with contextlib.closing(connect(made.cluster.as_role("mallory"), database)) as connection:
            connection.execute(sql)
    return made


@pytest.mark.usefixtures("mallory")
def test_an_owners_code_runs_with_the_owners_rights_and_not_at_all_before_something_is_changed(sides):
    made = hostile(sides, ARMED)
    assert counts(made.look("t")) == [(4, 1, 1)]
    assert made.sql("SELECT * FROM trap.ran") == []
    made.bring_back("t", deletes=True)
    ran = made.sql("SELECT DISTINCT place, by_whom FROM trap.ran")
    # The deferred trigger of a deferred kind ran too, and all of them as their owner.
    assert {by for _place, by in ran} == {"mallory"}
    assert {"before_row", "later", "domain", "index"} <= {place for place, _by in ran}
    assert not escaped(made)
    assert counts(made.look("t")) == [(0, 0, 0)]


@pytest.mark.usefixtures("mallory")
def test_the_traps_work_where_somebody_else_walks_into_them(sides):
    made = hostile(sides, ARMED)
    made.sql("DELETE FROM public.t WHERE id = 9")
    assert escaped(made)


def escaped(made: Sides) -> bool:
    """Whether code of mallory ran with other rights, or gave her some."""
    [(called,)] = made.sql("SELECT is_called FROM trap.escaped")
    [(powerful,)] = made.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'")
    return bool(called or powerful)


LATER = {
    "a trigger of a table that waits for the end": """
        CREATE TABLE trap.other (id int);
        CREATE CONSTRAINT TRIGGER at_end AFTER INSERT ON trap.other DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION trap.row();
        CREATE FUNCTION trap.again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            SET CONSTRAINTS ALL DEFERRED; INSERT INTO trap.other VALUES (1); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER again AFTER INSERT ON public.t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION trap.again();""",
    "a cursor that outlives the transaction": """
        CREATE FUNCTION trap.holds() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT trap.tell(''cursor'')'; RETURN NULL; END $$;
        CREATE TRIGGER holds AFTER INSERT ON public.t FOR EACH STATEMENT EXECUTE FUNCTION trap.holds();""",
    "a type of a usual name": """
        CREATE FUNCTION trap.types() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (trap.checked(VALUE)); RETURN NULL; END $$;
        CREATE TRIGGER types AFTER INSERT ON public.t FOR EACH STATEMENT EXECUTE FUNCTION trap.types();""",
    "the function that runs it": """
        CREATE FUNCTION trap.alters() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE f regprocedure; BEGIN
            FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = pg_my_temp_schema()
            LOOP EXECUTE 'ALTER FUNCTION ' || f || ' SECURITY INVOKER'; END LOOP;
            PERFORM trap.tell('altered'); RETURN NULL; END $$;
        CREATE TRIGGER alters AFTER UPDATE OR INSERT ON public.t FOR EACH STATEMENT EXECUTE FUNCTION trap.alters();
        UPDATE public.t SET other = 0 WHERE id = 9;""",
    "settings of the session": """
        CREATE FUNCTION trap.sets() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM set_config('search_path', 'trap', false), set_config('client_encoding', 'SJIS', false),
                set_config('standard_conforming_strings', 'off', false); RETURN NULL; END $$;
        CREATE FUNCTION trap.format_type(a oid, b int) RETURNS text LANGUAGE sql AS $$ SELECT trap.lower('x') $$;
        CREATE TRIGGER sets AFTER INSERT ON public.t FOR EACH STATEMENT EXECUTE FUNCTION trap.sets();""",
}


@pytest.mark.usefixtures("mallory")
@pytest.mark.parametrize("planted", LATER.values(), ids=LATER)
def test_nothing_of_an_owner_waits_for_the_end_where_it_would_have_our_rights(sides, planted):
    made = hostile(sides, f"DELETE FROM public.t WHERE id = 3; {planted}")
    with contextlib.suppress(errors.DatabaseError):
        made.bring_back("t")
    assert not escaped(made)


@pytest.mark.usefixtures("mallory")
def test_an_owner_needs_nobody_elses_rights(sides):
    made = hostile(sides, ARMED)
    made.sql("CREATE TABLE public.of_others (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with contextlib.closing(connect(made.cluster.login, made.source)) as session:
        wanted = row_rescue.Wanted((("public", "t"),), {}, {}, deletes=True)
        login = made.cluster.as_role("mallory")
        with row_rescue.Rescue(session, login, made.live, wanted, directory=made.directory) as rescue:
            rescue.apply(rescue.compare())
    assert counts(made.look("t")) == [(0, 0, 0)]
    assert not escaped(made)


MEASURED = """
import contextlib, re, sys
from pathlib import Path
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import row_rescue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login, connect)
socket, port, source, live, directory = sys.argv[1:]
login = Login(unix_socket=socket, port=int(port), user="postgres")
wanted = row_rescue.Wanted((("public", "big"),), {}, {})
def memory(name):
    return int(re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
with contextlib.closing(connect(login, source)) as session:
    before = memory("VmRSS")
    with row_rescue.Rescue(session, login, live, wanted, directory=directory) as rescue:
        rescue.apply(rescue.compare())
    print(memory("VmHWM") - before)
"""


def test_a_large_table_takes_no_more_memory_than_a_small_one(sides, tmp_path):
    rows, width = 200_000, 600
    made = sides(
        f"CREATE TABLE public.big (id bigint PRIMARY KEY, v text);"
        f"INSERT INTO public.big SELECT i * 7919 % {rows}, repeat(md5(i::text), {width // 32}) "
        f"FROM generate_series(1, {rows}) i",
        "DELETE FROM public.big WHERE id % 2 = 0; UPDATE public.big SET v = 'x' WHERE id % 100 = 1",
    )
    script = tmp_path / "measured.py"
    script.write_text(MEASURED)
    argv = [sys.executable, str(script), made.cluster.directory, str(made.cluster.port), made.source, made.live]
    done = subprocess.run(
        [*argv, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )
    assert made.sql("SELECT count(*), sum(length(v)) FROM public.big") == made.sql(
        "SELECT count(*), sum(length(v)) FROM public.big", live=False
    )
    grown = int(done.stdout) << 10
    print(grown >> 20)
    # Both sides sorted at once would be 240 MB in their lines alone.
    assert grown < 110 << 20
