# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workers take the largest piece first, take up work that other work brings, and stop at the first failure."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine import process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.errors import DatabaseError, ProcessFailed
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.workers import Stopped, WorkerPool


def test_the_largest_goes_first_and_work_brings_work():
    done: list[str] = []
    workers = WorkerPool(1)
    workers.add(1, lambda: done.append("small"))
    workers.add(9, lambda: (done.append("large"), workers.add(5, lambda: done.append("its index")))[0])
    workers.run()
    assert done == ["large", "its index", "small"]


def test_the_first_failure_is_raised_and_nothing_more_begins():
    begun: list[int] = []
    workers = WorkerPool(1)

    def fail() -> None:
        raise DatabaseError("no space.")

    workers.add(5, fail)
    workers.add(1, lambda: begun.append(1))
    with pytest.raises(DatabaseError, match="no space"):
        workers.run()
    assert begun == []


def test_a_failure_ends_the_programs_of_the_others_and_their_streams():
    workers = WorkerPool(2)
    started, ended = threading.Event(), []

    def feed() -> None:
        with process.Consumer(["sleep", "60"], env={"PATH": "/usr/bin:/bin"}) as child, workers.running(child):
            started.set()
            try:
                child.wait()
            except ProcessFailed:
                ended.append(child.pid)
                list(workers.guarded([b"more"]))
                ended.append(0)

    def fail() -> None:
        started.wait(10)
        raise DatabaseError("no space.")

    workers.add(2, feed)
    workers.add(1, fail)
    with pytest.raises(DatabaseError):
        workers.run()
    assert len(ended) == 1
    with pytest.raises(Stopped):
        workers.check()


def test_idle_counts_only_threads_without_anything_to_do():
    seen: list[int] = []
    workers = WorkerPool(3)
    workers.add(1, lambda: seen.append(workers.idle))
    workers.run()
    assert seen == [2]


def test_endless_work_that_looks_stops_at_the_first_failure() -> None:
    workers = WorkerPool(2)
    failed = threading.Event()

    def endless() -> None:
        while True:
            workers.check()
            failed.wait(0.01)

    def fail() -> None:
        failed.set()
        raise ValueError("the real reason")

    for weight, work in ((3, endless), (2, fail), (1, endless)):
        workers.add(weight, work)
    with pytest.raises(ValueError, match="the real reason"):
        workers.run()


def test_all_work_is_done() -> None:
    done: list[int] = []
    workers = WorkerPool(3)
    for number in range(20):
        workers.add(1, lambda number=number: done.append(number))
    workers.run()
    assert sorted(done) == list(range(20))
