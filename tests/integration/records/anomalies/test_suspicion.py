# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database is really encrypted by an intruder, or half of it deleted, and the next backup says so."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies.judging import Thresholds
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import ClusterFactory, DatabaseFactory

NOTES = """
SET search_path = public;
CREATE TABLE notes (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO notes SELECT i, repeat('customer ' || i || ' called about order ' || i * 7 || '. ', 8)
  FROM generate_series(1, 4000) i;
CREATE TABLE stock (id bigint PRIMARY KEY, item text);
INSERT INTO stock SELECT i, 'item ' || i % 50 FROM generate_series(1, 3000) i;
"""
# What an intruder does who keeps the key: each text is replaced by ciphertext, as letters.
ENCRYPT = """
UPDATE public.notes SET body = (
  SELECT string_agg(encode(decode(replace(gen_random_uuid()::text, '-', ''), 'hex'), 'base64'), '')
    FROM generate_series(1, 12) WHERE id > 0)
"""
BASELINE = 5


@pytest.fixture
def place(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> fault_fixtures.Fixture:
    return fault_fixtures.make(cluster(), database(sql=NOTES), tmp_path)


def make(place: fault_fixtures.Fixture, **values: t.Any) -> t.Any:
    return backup.back_up(place.request(proof="counts", max_shrink=0, **values), place.world())


def listed(place: fault_fixtures.Fixture, **values: t.Any) -> t.Any:
    return listing.list_backups(listing.ListRequest(place.settings, **values), place.world())


def forget(place: fault_fixtures.Fixture) -> fault_fixtures.Fixture:
    """Return the same repository as a reader sees it who made none of its backups."""
    other = place.home / "reader"
    (other / "state").mkdir(parents=True)
    (other / "key").write_bytes((place.home / "key").read_bytes())
    (other / "key").chmod(0o600)
    return dataclasses.replace(place, home=other)


def test_an_encrypted_table_and_a_halved_one_are_noticed_and_the_last_clean_backup_is_named(
    place: fault_fixtures.Fixture,
) -> None:
    made = [make(place) for _run in range(BASELINE + 1)]
    for outcome in made:
        assert outcome.facts["backup"]["suspicions"] == []
        assert not any("suspicious" in warning for warning in outcome.warnings)
    clean = made[-1].facts["backup"]["backup_id"]

    place.server.execute(ENCRYPT, place.database)
    encrypted = make(place)
    assert any("can be a sign of ransomware" in warning for warning in encrypted.warnings), encrypted.warnings

    place.server.execute("DELETE FROM public.stock WHERE id > 1400", place.database)
    halved = make(place)
    assert any("Table public.stock shrank to 1,400 rows" in cause for cause in halved.facts["backup"]["suspicions"])

    for reader in (place, forget(place)):
        facts = listed(reader).facts
        assert facts["clean"][place.component]["backup_id"] == clean
        suspicious = {row["backup_id"] for row in facts["backups"] if row["suspicions"]}
        assert suspicious == {outcome.facts["backup"]["backup_id"] for outcome in (encrypted, halved)}
        assert any("SUSPICIOUS" in line for line in facts["table"])
        assert any(clean in warning for warning in listed(reader).warnings)
        chosen = listed(reader, clean=True).facts
        assert chosen["count"] == BASELINE + 1
        assert not suspicious & {row["backup_id"] for row in chosen["backups"]}

    # A reader remembers what it read, and one who opens nothing still has the sizes.
    assert (place.home / "reader" / "state" / "statistics.jsonl").stat().st_mode & 0o777 == 0o600
    assert listed(place, thresholds=Thresholds(window=0)).facts["clean"][place.component]["backup_id"] != clean


def test_a_reader_without_a_key_that_opens_judges_by_sizes(place: fault_fixtures.Fixture) -> None:
    for _run in range(BASELINE):
        make(place)
    place.server.execute(ENCRYPT, place.database)
    encrypted = make(place).facts["backup"]["backup_id"]
    root = place.open().trusted_keys.signer.public.hex()
    settings = dataclasses.replace(
        place.settings,
        keys=dataclasses.replace(place.settings.keys, recovery_key_file=None, roots=(root,)),
        state_dir=None,
    )
    rows = listing.list_backups(listing.ListRequest(settings), place.world()).facts["backups"]
    assert [row["backup_id"] for row in rows if row["suspicions"]] == [encrypted]


def test_a_memory_that_cannot_be_written_is_told_and_the_backup_is_made(place: fault_fixtures.Fixture) -> None:
    (place.home / "state" / "statistics.jsonl").mkdir()
    outcome = make(place)
    assert any("figures of the backup cannot be written" in warning for warning in outcome.warnings)
    assert outcome.facts["backup"]["backup_id"] in place.listed()
