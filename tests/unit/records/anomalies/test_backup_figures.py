# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host remembers the figures of its backups, forgets the oldest when there are too many, and survives damage."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import journal
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies import backup_figures
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies.backup_figures import (
    Statistics,
)

from .test_judging import statistic


def test_what_is_added_is_remembered_by_component(tmp_path):
    memory = Statistics(str(tmp_path))
    first = statistic(1, tables={"public.a": 5}, streams={"rest": [1, 2]})
    other = dataclasses.replace(statistic(2), component="main/other")
    for each in (first, other, statistic(3)):
        memory.add(each)
    assert memory.of("shop", "main/shop") == [first, statistic(3)]
    assert len(memory.of("shop")) == 3
    assert memory.of("elsewhere") == []
    assert (tmp_path / "statistics.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_backup_counts_once_and_the_order_is_that_of_their_ends(tmp_path):
    memory = Statistics(str(tmp_path))
    for day in (4, 2, 4):
        memory.add(statistic(day))
    assert [entry.backup_id for entry in memory.of("shop")] == ["backup-0002", "backup-0004"]


def test_lines_that_are_damaged_are_left_out(tmp_path):
    memory = Statistics(str(tmp_path))
    memory.add(statistic(1))
    line = (tmp_path / "statistics.jsonl").read_text()
    wrong = [
        line.replace('"size":', '"sise":'),
        line.replace('"finished":"2026', '"finished":"x2026'),
        line.replace('"tables":{}', '"tables":3'),
        line.replace('"tables":{}', '"tables":{"a":"b"}'),
        line.replace('"streams":{}', '"streams":{"rest":3}'),
        line.replace('"streams":{}', '"streams":{"rest":[1,null]}'),
        line.replace('"rows":1000000', '"rows":"many"'),
        line.replace("+00:00", ""),
        "[]\n",
        "half a l",
    ]
    (tmp_path / "statistics.jsonl").write_text(line + "".join(wrong))
    assert memory.of("shop") == [statistic(1)]


def test_the_oldest_are_forgotten_when_the_file_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(backup_figures, "LARGEST", 60_000)
    memory = Statistics(str(tmp_path))
    for day in range(200):
        memory.add(statistic(day))
        assert (tmp_path / "statistics.jsonl").stat().st_size < 61_000
    kept = memory.of("shop")
    assert kept[-1].backup_id == "backup-0199"
    assert len(kept) >= backup_figures.KEPT


def test_a_file_of_many_databases_is_not_written_anew_for_each_backup(tmp_path, monkeypatch):
    monkeypatch.setattr(backup_figures, "LARGEST", 60_000)
    written = []
    real = journal.disk.write_atomically
    monkeypatch.setattr(journal.disk, "write_atomically", lambda *args, **more: written.append(real(*args, **more)))
    memory = Statistics(str(tmp_path))
    for day in range(12):
        for number in range(50):
            memory.add(dataclasses.replace(statistic(day), component=f"main/{number}", backup_id=f"{day}-{number}"))
    assert 0 < len(written) < 12
    assert all(memory.of("shop", f"main/{number}")[-1].backup_id == f"11-{number}" for number in range(50))


def test_without_a_directory_nothing_is_kept_and_a_disk_that_refuses_is_told(tmp_path):
    Statistics(None).add(statistic(1))
    assert Statistics(str(tmp_path / "nowhere")).of("shop") == []
    (tmp_path / "statistics.jsonl").mkdir()
    with pytest.raises(StoreError):
        Statistics(str(tmp_path)).add(statistic(1))
    assert Statistics(str(tmp_path)).of("shop") == []
