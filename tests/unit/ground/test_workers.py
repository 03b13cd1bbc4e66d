# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workers take the largest piece first, take up work that other work brings, and stop at the first failure."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    DatabaseError,
    ProcessFailed,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.workers import Stopped, WorkerPool


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


def test_what_ends_is_ended_once_although_several_fail() -> None:
    workers, ended, both = WorkerPool(3), [], threading.Barrier(2)
    over = threading.Event()

    def held() -> None:
        with workers.ended_by(lambda: ended.append(1)):
            over.wait(10)

    def fail() -> None:
        both.wait(10)
        raise DatabaseError("no space.")

    def last() -> None:
        both.wait(10)
        try:
            while True:
                workers.check()
                threading.Event().wait(0.001)
        finally:
            threading.Timer(0.2, over.set).start()

    for weight, work in ((3, held), (2, fail), (1, last)):
        workers.add(weight, work)
    with pytest.raises(DatabaseError, match="no space"):
        workers.run()
    assert ended == [1]


def test_nothing_is_ended_after_its_block_is_over() -> None:
    # A session's number may by then be another one's, who is then ended in its place.
    workers, ended = WorkerPool(3), []
    begun, left = threading.Barrier(3), threading.Event()

    def slow_to_end() -> None:
        with workers.ended_by(lambda: left.wait(0.5)):
            begun.wait(10)
            left.wait(10)

    def quick() -> None:
        with workers.ended_by(lambda: ended.append("over" if left.is_set() else "held")):
            begun.wait(10)
            while True:
                try:
                    workers.check()
                except Stopped:
                    break
        left.set()

    def fail() -> None:
        begun.wait(10)
        raise DatabaseError("no space.")

    for weight, work in ((3, slow_to_end), (2, quick), (1, fail)):
        workers.add(weight, work)
    with pytest.raises(DatabaseError, match="no space"):
        workers.run()
    assert "over" not in ended
