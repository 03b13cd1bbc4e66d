# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A validation: it passes for a backup that restores, and names what differs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import typing as t
from pathlib import Path

import asked
import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import checks, roles
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from restoring import validated


@contextlib.contextmanager
def reader(restorer: t.Any, database: str) -> t.Iterator[t.Any]:
    """Yield the login of a role that may read the tables of `database`, and nothing else."""
    restorer.cluster.execute("CREATE ROLE only_reads LOGIN")
    restorer.cluster.execute(
        f"GRANT CONNECT ON DATABASE {database} TO only_reads;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO only_reads;"
        "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO only_reads",
        database,
    )
    yield restorer.cluster.as_role("only_reads")
    restorer.cluster.execute("DROP OWNED BY only_reads", database)
    restorer.cluster.execute("DROP ROLE only_reads")


def survivors(place: str) -> list[str]:
    """Return the processes of this machine that have to do with scratch clusters in `place`."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if place.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                found.append(name)
    return found


def prove(backup: restore_fakes.Backup, place: Path, **values: t.Any) -> t.Any:
    return validated(backup, scratch_dir=str(place), **values)


def test_the_golden_database_passes(restorer, database, place):
    backup = restore_fakes.back_up(restorer.cluster, database(golden=True), threshold=8192)
    outcome = prove(backup, place)
    result = outcome.facts["validation"]
    assert result["passed"]
    assert not outcome.changed
    assert result["first_difference"] is None
    assert len(result["parts"]) == len(backup.details["proof"]["tables"])
    assert all(table["content_equal"] for table in result["parts"] if table["sort"] == "table" and table["rows"])


# On the source it answers at once.
SLEEPER = """
CREATE FUNCTION public.wait_for_ever(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('data_directory') LIKE '%scratch-%' THEN PERFORM pg_catalog.pg_sleep(86400); END IF;
    RETURN n;
END $$;
CREATE TABLE public.slow (n int);
INSERT INTO public.slow VALUES (1);
"""


@pytest.mark.parametrize(
    ("sql", "asked"),
    [
        ("ALTER TABLE public.slow ADD CHECK (public.wait_for_ever(n) > 0)", ()),
        ("", (checks.Check("slow", "SELECT 1 FROM pg_catalog.pg_sleep(86400)", 1),)),
    ],
    ids=["while it is loaded", "in a check, whose failure would be one of the data"],
)
def test_code_that_never_ends_does_not_hold_a_validation_for_ever(restorer, database, place, sql, asked):
    backup = restore_fakes.back_up(restorer.cluster, database(sql=SLEEPER + sql))
    with pytest.raises(errors.DatabaseError, match=r"not validated within 15 s.*lifeboat_validate_timeout") as caught:
        prove(backup, place, checks=asked, check_timeout=0, timeout=15)
    assert caught.value.details["field"] == "timeout"
    assert survivors(str(place)) == []


MUTATIONS = {
    "a row": (
        "UPDATE customers SET name = 'forged' WHERE id = 7",
        r'table "public"\."customers": its 5000 rows have other',
    ),
    "a table": ("DROP TABLE orders CASCADE", r"orders.*: it is missing"),
    "a sequence": ("SELECT setval('orders_id_seq', 5)", r'sequence "public"\."orders_id_seq": it would give 6 next'),
    "a grant": ("REVOKE SELECT ON customers FROM PUBLIC", r"customers: its definition, owner or grants"),
}


@pytest.fixture(scope="module")
def granted(cluster) -> t.Iterator[restore_fakes.Backup]:
    one = cluster()
    one.create("granted")
    one.execute(restore_fakes.SHOP + "GRANT SELECT ON customers TO PUBLIC;", "granted")
    yield restore_fakes.back_up(one, "granted", threshold=200_000)
    one.drop("granted")


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_fails_and_is_named(restorer, granted, place, mutation):
    statement, said = MUTATIONS[mutation]
    restorer.cluster.execute("CREATE DATABASE mutated TEMPLATE granted")
    restorer.sql(statement, "mutated")
    mutated = restore_fakes.back_up(restorer.cluster, "mutated")
    forged = dataclasses.replace(mutated, details={**mutated.details, "proof": granted.details["proof"]})
    for chosen in ({}, {"login": restorer.cluster.login, "target_db": "mutated"}):
        with pytest.raises(errors.ProofMismatch, match=said) as caught:
            prove(forged, place, **chosen)
        assert caught.value.details["validation"]["passed"] is False
        assert caught.value.details["first_difference"] in str(caught.value)
        named = [one for one in caught.value.details["validation"]["differences"] if mutation.split()[1] in one]
        assert named or mutation in {"a row", "a grant"}


def test_a_setting_in_our_own_words_hides_no_other_locale(restorer, shop_backup, place):
    """What is told of a setting that cannot be made here decides nothing about the locale."""
    restorer.sql("CREATE ROLE tuned; ALTER ROLE tuned SET work_mem = '5MB'")
    try:
        with contextlib.closing(restorer.cluster.connect()) as session:
            recorded = roles.read(session)
    finally:
        restorer.sql("DROP ROLE tuned")
    recorded = json.loads(json.dumps(recorded).replace("5MB", "it is not available here"))
    proof = shop_backup.details["proof"]
    proof = {**proof, "properties": {**proof["properties"], "collate": "C.of.the.source"}}
    other = dataclasses.replace(shop_backup, roles=recorded, details={**shop_backup.details, "proof": proof})
    with pytest.raises(errors.ProofMismatch, match="property collate of the database") as caught:
        prove(other, place)
    assert any("is not available here" in note for note in caught.value.details["validation"]["notes"])


def test_checks_ask_the_restored_data(shop_backup, place):
    asked = checks.parse(
        [
            {"name": "sum", "query": "SELECT count(*) FROM orders", "expect": 9000},
            {"name": "least", "query": "SELECT max(total) FROM orders", "minimum": 1000},
            {
                "name": "rows",
                "query": "SELECT id, name FROM customers WHERE id < 3 ORDER BY 1",
                "expect": [[1, "customer 1"], [2, "customer 2"]],
            },
        ],
        [{"name": "customers", "minimum_rows": 5000}],
    )
    result = prove(shop_backup, place, checks=asked).facts["validation"]
    assert [check["passed"] for check in result["checks"]] == [True] * 4


def test_checks_read_views_of_the_copy_and_none_of_a_living_database(restorer, database, place):
    name = database(sql="CREATE TABLE public.a (i int); CREATE VIEW public.v AS SELECT 1 AS one")
    backup = restore_fakes.back_up(restorer.cluster, name)
    asked = checks.parse([{"name": "view", "query": "SELECT one FROM v", "expect": 1}], [])
    assert prove(backup, place, checks=asked).facts["validation"]["passed"]
    with reader(restorer, name) as login, pytest.raises(errors.ProofMismatch) as caught:
        prove(backup, place, checks=asked, login=login, target_db=name)
    refused = caught.value.details["validation"]["checks"][0]
    assert not refused["passed"]
    assert re.search(r"[\"»]v[\"«]", refused["error"])


def test_a_strict_umask_shuts_nobody_out_who_is_needed(shop_backup, place):
    made = place / "made"
    before = os.umask(0o077)
    try:
        assert prove(shop_backup, made).facts["validation"]["passed"]
    finally:
        os.umask(before)
        made.rmdir()


def test_a_failed_check_is_told_with_what_it_found(restorer, shop_backup, place):
    restorer.restore(shop_backup, "shop", target_db="asked")
    bad = checks.parse(
        [
            {"name": "enough", "query": "SELECT count(*) FROM orders", "minimum": 10**6},
            {"name": "writes", "query": "DELETE FROM orders RETURNING 1", "expect": 1},
            {"name": "slow", "query": "SELECT pg_sleep(60)::text", "expect": ""},
            {"name": "session", "query": "SELECT pg_backend_pid()", "minimum": 1},
            {"name": "session again", "query": "SELECT pg_backend_pid()", "minimum": 1},
        ],
        [],
    )
    said = r"'enough' fails .* it returned 9000 instead of 'at least 1e\+06'"
    with pytest.raises(errors.ProofMismatch, match=said):
        prove(shop_backup, place, checks=bad, check_timeout=0.3)
    with reader(restorer, "asked") as login, pytest.raises(errors.ProofMismatch) as caught:
        prove(shop_backup, place, checks=bad, login=login, target_db="asked", check_timeout=0.3)
    found = {check["name"]: check for check in caught.value.details["validation"]["checks"]}
    assert found["enough"]["found"] == 9000
    assert found["writes"]["error"].startswith("PostgreSQL said")
    assert found["slow"]["error"].startswith("It took longer than check_timeout (0.3 s)")
    assert found["session"]["found"] == found["session again"]["found"]
    assert restorer.sql("SELECT count(*) FROM orders", "asked") == [(9000,)]


def test_check_mode_starts_nothing(shop_backup, place):
    settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": None, "place": ""})())
    request = asked.validation(settings, "main", "shop", scratch_dir=str(place / "x"))
    outcome = validation.validate_chain(request, restore_fakes.world(dry_run=True), [t.cast("t.Any", shop_backup)])
    assert not outcome.changed
    assert list(place.iterdir()) == []
