# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""The golden database comes back whole from its members, and every way to damage it shows in the proof."""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    catalogue_objects,
    dump,
    members,
    proof,
    server,
    snapshot,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import process
from postgres_fixtures import GOLDEN

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory


@dataclasses.dataclass
class Source:
    """A golden database with its dump and its proof, made once for each encoding."""

    pg: Cluster
    name: str
    plan: tuple[members.Member, ...]
    streams: dict[int, bytes]
    proof: dict[str, t.Any]
    warnings: list[str]

    def restore(self, name: str) -> None:
        """Restore all members by hand: the schema before the data, and what builds upon the data after it."""
        self.pg.create(name)
        self._load(1, name, "--section=pre-data")
        for member in self.plan[1:]:
            self._load(member.number, name)
        self._load(1, name, "--section=post-data")

    def _load(self, number: int, name: str, *options: str) -> None:
        self.pg.program(
            "pg_restore", "--exit-on-error", *options, "--dbname=", database=name, stdin=self.streams[number]
        )


class Sources:
    """Golden databases by encoding, each with a restored copy."""

    def __init__(self, cluster: ClusterFactory) -> None:
        self._cluster = cluster
        self._made: dict[str, tuple[Source, str]] = {}

    def __call__(self, encoding: str) -> tuple[Source, str]:
        if encoding not in self._made:
            source = make_source(self._cluster(encoding))
            restored = f"restored_{secrets.token_hex(4)}"
            source.restore(restored)
            self._made[encoding] = (source, restored)
        return self._made[encoding]

    def drop(self) -> None:
        for source, restored in self._made.values():
            source.pg.drop(source.name)
            source.pg.drop(restored)


def make_source(pg: Cluster) -> Source:
    name = pg.create(f"golden_{secrets.token_hex(4)}")
    pg.script(GOLDEN, name)
    programs = server.programs(1, directory=pg.bin)
    warnings: list[str] = []
    streams: dict[int, bytes] = {}
    with snapshot.hold(pg.login, name, sleep=lambda _seconds: None) as held:
        # By names, so that the table whose constraint reads another comes after that one.
        tables = sorted(held.tables, key=lambda table: table.name)
        plan = members.plan([dataclasses.replace(table, bytes=65536) for table in tables], threshold=1)
        taken = proof.take(pg.login, name, held.snapshot_id, "content", held.tables, sequences=held.sequences)
        for member in plan:
            argv, env = dump.command(programs, member, held, pg.login, name, environ=pg.environ)
            with process.Producer(argv, env=env) as child:
                streams[member.number] = b"".join(child)
                warnings += dump.unaccepted_warnings(child.stderr)
        held.assure()
    return Source(pg, name, plan, streams, taken, warnings)


@pytest.fixture(scope="module")
def sources(cluster: ClusterFactory) -> Iterator[Sources]:
    made = Sources(cluster)
    yield made
    made.drop()


@pytest.fixture
def source(sources: Sources) -> Source:
    return sources("UTF8")[0]


@pytest.fixture
def restored(sources: Sources) -> str:
    return sources("UTF8")[1]


@pytest.fixture
def damaged(source: Source, restored: str) -> Iterator[str]:
    name = source.pg.create(f"damaged_{secrets.token_hex(4)}", f"TEMPLATE {restored}")
    yield name
    source.pg.drop(name)


def differences(source: Source, name: str) -> list[proof.Difference]:
    found = proof.take(source.pg.login, name, None, "content", like=source.proof)
    return proof.compare(source.proof, found)


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1"])
def test_members_together_are_the_database(sources: Sources, encoding: str) -> None:
    source, restored = sources(encoding)
    assert source.warnings == []
    assert len(source.plan) > 30
    assert differences(source, restored) == []


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1"])
def test_plain_dump_and_restore_describes_the_same(sources: Sources, encoding: str) -> None:
    source, _first = sources(encoding)
    name = source.pg.create(f"plain_{secrets.token_hex(4)}")
    try:
        archive = source.pg.program("pg_dump", "-Fc", database=source.name)
        source.pg.program("pg_restore", "--exit-on-error", "--dbname=", database=name, stdin=archive)
        with source.pg.connect(source.name) as before, source.pg.connect(name) as after:
            assert catalogue_objects.digests(catalogue_objects.describe(before)) == catalogue_objects.digests(
                catalogue_objects.describe(after)
            )
        assert differences(source, name) == []
    finally:
        source.pg.drop(name)


def test_proof_knows_every_table_with_its_rows(source: Source) -> None:
    entries = {(entry["schema"], entry["name"]): entry for entry in source.proof["tables"]}
    counted = {name: entry["rows"] for name, entry in entries.items() if "rows" in entry}
    assert counted["app", "no_columns"] == 7
    assert counted["app", "secured"] == 100
    assert counted["app", "parent"] == 1
    assert counted["probe", "probe_settings"] == 2
    assert counted["../../etc/passwd", "../shadow"] == 1
    assert ("probe", "probe_private") not in entries
    assert entries["app", "empty"] == {
        "schema": "app",
        "name": "empty",
        "sort": "materialized view",
        "populated": False,
    }
    plan = {table.label for member in source.plan for table in member.tables}
    assert len(plan) == len([name for name, entry in entries.items() if entry["sort"] != "materialized view"])


ODD = '"odd, schema"."seq ""x""; é"'

DAMAGES = [
    ("UPDATE app.equal_rows SET b = 'y' WHERE ctid = (SELECT min(ctid) FROM app.equal_rows)", "equal_rows", "content"),
    ("DELETE FROM app.equal_rows WHERE a = 1", "equal_rows", "rows"),
    ("UPDATE app.equal_rows SET a = 2, b = '' WHERE a = 1", "equal_rows", "content"),
    ("UPDATE app.equal_rows SET b = '' WHERE a IS NULL", "equal_rows", "content"),
    ("DELETE FROM ONLY app.parent", "parent", "rows"),
    ("UPDATE app.every_type SET lie = 'other' WHERE b", "every_type", "content"),
    ("UPDATE app.every_type SET pair = NULL WHERE NOT b", "every_type", "content"),
    (
        "UPDATE app.every_type SET pair = ROW(NULL, NULL) WHERE id = (SELECT max(id) FROM app.every_type)",
        "every_type",
        "content",
    ),
    ("UPDATE app.every_type SET d = d + 1e-12 WHERE d = 1e-300", "every_type", "content"),
    ("UPDATE app.every_type SET jb = jb || '{\"b\": 1.5}' WHERE b", "every_type", "content"),
    ("TRUNCATE app.no_columns", "no_columns", "rows"),
    ("DELETE FROM probe.probe_settings WHERE name = 'mine'", "probe_settings", "rows"),
    ('DROP TABLE "odd, schema"."t*"', "t*", "missing"),
    (f"SELECT setval('{ODD}', 76)", "seq", "sequence"),
    ("SELECT setval('app.going_down', 94)", "going_down", "sequence"),
    ("SELECT setval('app.going_down', 90, false)", "going_down", "sequence"),
    ("SELECT lo_put(910001, 3, 'X')", "large objects", "large_objects"),
    ("SELECT lo_unlink(910002)", "large objects", "large_objects"),
    ("ALTER LARGE OBJECT 910003 OWNER TO golden_reader", "large objects", "large_objects"),
    ("REVOKE SELECT ON LARGE OBJECT 910001 FROM golden_reader", "large objects", "large_objects"),
    ("SELECT lo_put(910003, 200000, '\\x00')", "large objects", "large_objects"),
    ("DROP INDEX app.equal_expression", "index app.equal_expression", "missing"),
    ("ALTER TABLE app.equal_rows DISABLE TRIGGER per_statement", "trigger per_statement on app.equal_rows", "changed"),
    ("ALTER TABLE app.secured NO FORCE ROW LEVEL SECURITY", "table app.secured", "changed"),
    ("DROP POLICY own_rows ON app.secured", "policy own_rows on app.secured", "missing"),
    ("ALTER TABLE app.dropped ALTER COLUMN b SET DEFAULT 'c'", "table column app.dropped.b", "changed"),
    ("ALTER TABLE app.stored ALTER COLUMN c SET STATISTICS 1", "table column app.stored.c", "changed"),
    ("ALTER TABLE app.stored ALTER COLUMN b SET STORAGE EXTENDED", "table column app.stored.b", "changed"),
    ("ALTER TABLE app.stored SET (fillfactor = 71)", "table app.stored", "changed"),
    ("ALTER TABLE app.equal_rows REPLICA IDENTITY DEFAULT", "table app.equal_rows", "changed"),
    ("ALTER TABLE app.dropped SET WITHOUT CLUSTER", "index app.dropped_unique", "changed"),
    ('REVOKE SELECT (t) ON app.every_type FROM "golden_créateur"', "table column app.every_type.t", "changed"),
    ("REVOKE SELECT ON probe.probe_settings FROM golden_reader", "grants on table probe.probe_settings", "missing"),
    ("ALTER FUNCTION app.secret() SECURITY INVOKER", "function app.secret()", "changed"),
    ("COMMENT ON COLUMN app.every_type.pair IS 'another'", "comment on table column app.every_type.pair", "changed"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE SELECT ON TABLES FROM golden_reader", "default acl", "missing"),
    ("ALTER TABLE app.child NO INHERIT app.parent", "table app.child", "changed"),
    ("ALTER TABLE app.hashed DETACH PARTITION app.hashed_0", "table app.hashed_0", "changed"),
    ("ALTER TABLE app.hen ALTER CONSTRAINT hen_egg NOT DEFERRABLE", "table constraint hen_egg on app.hen", "changed"),
    ("ALTER TABLE app.z_limited DROP CONSTRAINT below", "table constraint below on app.z_limited", "missing"),
    (
        "ALTER DOMAIN app.positive DROP CONSTRAINT more_than_zero",
        "domain constraint more_than_zero on app.positive",
        "missing",
    ),
    ("ALTER TYPE app.mood RENAME VALUE 'ok' TO 'fine'", "type app.mood", "changed"),
    ("DROP CAST (app.liar AS text)", "cast (app.liar AS pg_catalog.text)", "missing"),
    ("ALTER SEQUENCE app.cycling NO CYCLE", "sequence app.cycling", "changed"),
    ("ALTER SEQUENCE app.every_type_counted_seq OWNED BY NONE", "sequence app.every_type_counted_seq", "changed"),
    ('ALTER EVENT TRIGGER "on ddl" DISABLE', 'event trigger "on ddl"', "changed"),
    ('ALTER PUBLICATION "some; of it" DROP TABLE app.hashed', "publication relation", "missing"),
    ("ALTER USER MAPPING FOR PUBLIC SERVER \"far; away\" OPTIONS (SET password 'x')", "user mapping", "changed"),
    ("ALTER SERVER \"far; away\" OPTIONS (SET host 'other')", 'server "far; away"', "changed"),
    ("ALTER VIEW app.guarded RESET (security_barrier)", "view app.guarded", "changed"),
    ("ALTER SCHEMA app OWNER TO postgres", "schema app", "changed"),
    ("CREATE TABLE public.surplus (a integer)", "table public.surplus", "extra"),
    ("ALTER STATISTICS app.stored_statistics SET STATISTICS 10", "statistics object app.stored_statistics", "changed"),
    (
        "ALTER TEXT SEARCH CONFIGURATION app.words DROP MAPPING FOR word",
        "text search configuration app.words",
        "changed",
    ),
]


@pytest.mark.parametrize(("statement", "object_name", "what"), DAMAGES, ids=[damage[0][:60] for damage in DAMAGES])
def test_damage_is_named(source: Source, damaged: str, statement: str, object_name: str, what: str) -> None:
    if statement.startswith(("UPDATE", "DELETE")):
        source.pg.execute('DROP PUBLICATION everything, "some; of it"', damaged)  # they refuse such changes
    source.pg.execute(statement, damaged)
    found = [difference for difference in differences(source, damaged) if not difference.note]
    assert any(object_name in difference.object and difference.what == what for difference in found), found


def test_secret_of_a_user_mapping_is_in_no_description(source: Source) -> None:
    with source.pg.connect(source.name) as session:
        described = catalogue_objects.describe(session)
    mappings = {name: text for name, text in described.items() if name.startswith("user mapping")}
    assert len(mappings) == 2
    assert "s3cret" not in str(mappings)


@pytest.mark.parametrize(
    "statement",
    [
        "REFRESH MATERIALIZED VIEW app.empty",
        "TRUNCATE app.unlogged",
        "SELECT nextval('app.going_down'), nextval('app.never_called')",
        "ALTER TABLE app.equal_rows CLUSTER ON equal_function; ALTER TABLE app.equal_rows SET WITHOUT CLUSTER",
        "CREATE TABLE app.gone (a integer); DROP TABLE app.gone",
        "VACUUM FULL app.equal_rows; ALTER TABLE app.dropped ADD COLUMN z integer; ALTER TABLE app.dropped DROP z",
    ],
)
def test_what_may_move_is_at_most_a_note(source: Source, damaged: str, statement: str) -> None:
    for part in statement.split("; "):
        source.pg.execute(part, damaged)
    found = [difference for difference in differences(source, damaged) if not difference.note]
    assert [f for f in found if "materialized view app.empty" not in f.object] == []


def test_what_the_time_budget_leaves_out_is_counted_and_stated(source: Source, damaged: str) -> None:
    pg = source.pg
    pg.execute(
        "CREATE TABLE public.big (id integer PRIMARY KEY, t text);"
        "INSERT INTO public.big SELECT i, 'row ' || i FROM generate_series(1, 5000) i",
        damaged,
    )
    ticks = iter(range(10_000))
    cut = proof.take(pg.login, damaged, None, "content", budget_seconds=0.5, clock=lambda: float(next(ticks)))
    entries = {entry["name"]: entry for entry in cut["tables"]}
    assert entries["big"]["rows"] == 5000
    assert entries["big"]["unsummed"] == "the time limit was reached"
    pg.execute("UPDATE public.big SET t = 'damaged'", damaged)
    found = proof.compare(cut, proof.take(pg.login, damaged, None, "content", like=cut))
    assert [difference for difference in found if not difference.note] == []
    assert any("big" in difference.object and "the time limit was reached" in difference.detail for difference in found)
    pg.execute("DELETE FROM public.big WHERE id = 1", damaged)
    worse = proof.compare(cut, proof.take(pg.login, damaged, None, "content", like=cut))
    assert [(difference.object, difference.what) for difference in worse if not difference.note] == [
        ('table "public"."big"', "rows")
    ]


def test_widest_table_is_hashed(source: Source, damaged: str) -> None:
    columns = ", ".join(f"c{number} integer" for number in range(1600))
    source.pg.execute(f"CREATE TABLE public.wide ({columns})", damaged)
    source.pg.execute("INSERT INTO public.wide (c0, c1599) SELECT i, -i FROM generate_series(1, 3) i", damaged)
    first = proof.take(source.pg.login, damaged, None, "content")
    source.pg.execute("UPDATE public.wide SET c800 = 1 WHERE c0 = 2", damaged)
    second = proof.take(source.pg.login, damaged, None, "content")
    assert [(found.object, found.what) for found in proof.compare(first, second)] == [
        ('table "public"."wide"', "content")
    ]
