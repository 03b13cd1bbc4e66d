# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's memory of its restores."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.host.restores import History, Restored

ONE = Restored("db1", "shop", 16400, "main/shop", "backup-1", "fire", "2026-11-21T02:00:00Z", 10.0, 1000)


def test_the_last_restore_counts_only_for_the_database_that_it_made(tmp_path):
    history = History(str(tmp_path))
    history.add(ONE)
    history.add(dataclasses.replace(ONE, backup_id="backup-2"))
    assert history.last("db1", "shop", 16400).backup_id == "backup-2"
    assert history.last("db1", "shop", 16401) is None
    assert history.last("db2", "shop", 16400) is None
    assert history.last("db1", "shop", 0) is None


def test_a_restore_of_chosen_tables_is_none_of_the_whole(tmp_path):
    history = History(str(tmp_path))
    history.add(dataclasses.replace(ONE, selection='"public"."orders"'))
    assert history.last("db1", "shop", 16400) is None
    assert history.last("db1", "shop", 16400, '"public"."orders"').backup_id == "backup-1"
    assert history.estimate(5000) is None


def test_half_a_line_after_a_power_cut_hides_nothing_else(tmp_path):
    history = History(str(tmp_path))
    history.add(ONE)
    with open(tmp_path / "restores.jsonl", "a", encoding="utf-8") as file:
        file.write('{"host": "db1", "tar')
    assert history.last("db1", "shop", 16400) == ONE


def test_an_estimate_goes_by_past_rates(tmp_path):
    history = History(str(tmp_path))
    assert history.estimate(5000) is None
    history.add(ONE)
    assert history.estimate(5000) == 50.0


def test_without_a_directory_nothing_is_known_and_nothing_fails():
    history = History(None)
    history.add(ONE)
    assert history.last("db1", "shop", 16400) is None


def test_a_record_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "restores.jsonl").mkdir()
    with pytest.raises(StoreError, match="restore is complete"):
        History(str(tmp_path)).add(ONE)
