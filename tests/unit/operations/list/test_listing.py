# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of backups, as a person reads it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing

if t.TYPE_CHECKING:
    from retention_fixtures import SampleStore
    from sample_host import SampleHost


def facts(sample: SampleHost, **values: t.Any) -> dict[str, t.Any]:
    request = listing.ListRequest(repository=sample.settings, **{"cluster": "main", **values})
    return listing.list_backups(request, sample.world()).facts


def test_a_database_without_a_backup_stands_first(sample: SampleHost) -> None:
    sample.back_up()
    sample.back_up("sessions", scope="partial")
    sample.server("shop", "sessions", "orders")
    found = facts(sample)
    assert [each["database"] for each in found["missing"]] == ["sessions", "orders"]
    assert found["compared"]
    assert [line.split(":")[0] for line in found["table"][:2]] == [
        "NO BACKUP  main / sessions",
        "NO BACKUP  main / orders",
    ]
    assert facts(sample, database="shop")["missing"] == []


@pytest.mark.parametrize("hours", [None, 30])
def test_what_could_not_be_compared_is_told(sample: SampleHost, hours: float | None) -> None:
    sample.back_up()
    if hours:
        sample.server("shop", hours=hours)
    found = facts(sample)
    assert not found["compared"]
    assert found["table"][-1].startswith("NOT COMPARED  Whether cluster main has databases without a backup")


def test_many_databases_are_grouped_and_few_backups_of_each_shown(sample: SampleHost) -> None:
    for database in ("one", "two"):
        for hours in (100, 76, 52, 28, 4):
            sample.back_up(database, hours=hours, files=1)
    sample.server("one", "two")
    table = facts(sample)["table"]
    assert len(table) == 2 * (1 + 3 + 1)
    assert table[0].startswith("main / one: 5 backups, ")
    assert table[0].endswith(" the newest 4 h old")
    assert table[1].lstrip().startswith("2026-11-21 04:00 UTC")
    assert table[4] == "  and 2 older"
    assert len(facts(sample, limit=1)["table"]) == 2 * (1 + 1 + 1)
    assert len(facts(sample, limit=0)["table"]) == 2 * (1 + 5)
    assert len(facts(sample, database="two")["table"]) == 1 + 5
    with pytest.raises(UsageError):
        facts(sample, limit=-1)


def test_a_database_in_trouble_stands_before_one_that_is_well(sample: SampleHost) -> None:
    for hours in range(24 * 9, 0, -24):
        sample.back_up("b", hours=hours, data=1 << 20, files=2)
    sample.back_up("b", hours=1, data=1 << 10)
    sample.back_up("a")
    sample.server("a", "b")
    groups = [line for line in facts(sample)["table"] if not line.startswith(" ")]
    assert [line.split(":")[0] for line in groups] == ["main / b", "main / a"]


def test_an_anomaly_names_its_object(sample: SampleHost) -> None:
    identity = sample.back_up()
    (manifest,) = (sample.home / "store").rglob(f"{identity}.json")
    manifest.write_bytes(b"{}")
    lines = [line for line in facts(sample)["table"] if line.startswith("PROBLEM")]
    assert len(lines) == 2  # the manifest, and that what was made here is not there
    assert all(identity in line for line in lines)


def test_two_names_that_decode_to_one_are_shown_apart(sample_store: SampleStore) -> None:
    for component in ("main/shop", "main/sho%70"):
        sample_store.make(1, component=component)
    found = listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world()).facts
    assert {row["database"] for row in found["backups"]} == {"shop", "sho%70 (not decoded)"}
    assert sum(not line.startswith(" ") and "1 backup," in line for line in found["table"]) == 2


def test_what_a_server_had_then_is_not_compared(sample: SampleHost) -> None:
    sample.back_up()
    sample.server("shop")
    assert not facts(sample, as_of=sample.now)["compared"]


def test_an_archived_log_is_told_by_the_moments_to_which_it_recovers(sample: SampleHost) -> None:
    sample.base(hours=50)
    assert facts(sample)["logs"] == []
    sample.archive([*range(2, 9), 10], hours=1)
    found = facts(sample)
    [log] = found["logs"]
    assert (log["cluster"], log["problems"]) == ("main", ["000000010000000000000009 lacks."])
    assert log["recoverable_from"] == "2026-11-19T06:00:00+00:00"
    assert log["recoverable_until"] == "2026-11-21T07:00:00+00:00"
    assert [line for line in found["table"] if "log" in line or "PROBLEM" in line] == [
        "main / write-ahead log: any moment from 2026-11-19 06:00 to 2026-11-21 07:00 UTC can be recovered",
        "  PROBLEM  000000010000000000000009 lacks.",
    ]
    assert facts(sample, as_of=sample.now)["logs"] == []
