# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups that run side by side write into the same files of their host: no line is lost, and none is mixed."""

from __future__ import annotations

import datetime
import os
import time

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import children
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.progress import Progress
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies import backup_figures
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.receipts import (
    Receipt,
    Receipts,
)

WRITERS = 8
LINES = 40


def now():
    return datetime.datetime.now(datetime.UTC)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Whatever threads other tests left in this process, they are not in the way."""
    monkeypatch.setattr(children, "_threads", lambda: 1)


def hammer(work):
    """Let so many processes do `work(number)` at the same time; each must succeed."""
    ends = []
    pieces = [children.Piece(str(number), 1, lambda number=number: work(number)) for number in range(WRITERS)]
    children.side_by_side(pieces, WRITERS, ends.append, now=now)
    assert [end.traceback for end in ends if end.traceback] == []
    assert len(ends) == WRITERS


def test_receipts_of_several_processes_are_all_kept(tmp_path):
    def work(number):
        for line in range(LINES):
            receipt = Receipt("shop", f"main/{number}", f"b-{number}-{line}", "ab", "full", "manual", "then", 1, 2)
            Receipts(str(tmp_path), "store").add(receipt)

    hammer(work)

    kept = [receipt.backup_id for receipt in Receipts(str(tmp_path), "store").of("shop")]
    assert sorted(kept) == sorted(f"b-{number}-{line}" for number in range(WRITERS) for line in range(LINES))


def test_figures_of_several_processes_are_kept_while_old_ones_are_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(backup_figures, "LARGEST", 16 << 10)

    def work(number):
        for line in range(LINES):
            figures = backup_figures.Statistic(
                "shop", f"main/{number}", f"b-{number}-{line}", "full", "manual", now().isoformat(), 1, 2
            )
            memory = backup_figures.Statistics(str(tmp_path), "store")
            memory.add(figures)
            # Nobody drops the newest of a component.
            assert memory.of("shop", f"main/{number}")[-1].backup_id == f"b-{number}-{line}"

    hammer(work)

    assert (tmp_path / "statistics.jsonl").stat().st_size < 32 << 10
    assert os.listdir(tmp_path) == ["statistics.jsonl"]


def test_the_audit_log_of_several_processes_is_one_chain(tmp_path):
    def work(number):
        for line in range(LINES // 4):
            event = audit.Event(now(), "backup", "ok", "db1", "alice", "shop", message=f"{number} {line}")
            audit.AuditLog(str(tmp_path)).append(event, sleep=time.sleep)

    hammer(work)

    log = audit.AuditLog(str(tmp_path))
    assert log.verify() == []
    assert len({entry.message for entry in log.entries()}) == WRITERS * LINES // 4


def test_status_files_of_several_processes_stay_apart(tmp_path):
    def work(number):
        progress = Progress(str(tmp_path), "backup", f"main%2F{number}", now)
        with progress.running():
            for line in range(LINES):
                progress.phase(f"phase {line}")

    hammer(work)

    assert len(list(tmp_path.iterdir())) == WRITERS
