# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The jobs of a run are shared so that no database is waited for alone by idle jobs."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.capacity import (
    Capacity,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.databases import sharing

GIB = 1 << 30


def shares(sizes, jobs, server=None):
    most = sharing.at_once(server, len(sizes), jobs)
    return [(each.database, each.jobs, each.places) for each in sharing.share(sizes, jobs, most)], most


def test_databases_of_like_sizes_run_side_by_side_the_largest_first():
    sizes = {"a": 2 * GIB, "b": 3 * GIB, "c": 3 * GIB, "d": GIB}
    assert shares(sizes, 2) == ([("b", 1, 1), ("c", 1, 1), ("a", 1, 1), ("d", 1, 1)], 2)


def test_one_that_all_would_wait_for_runs_alone_with_all_jobs():
    sizes = {"a": GIB, "huge": 9 * GIB, "b": 2 * GIB}
    assert shares(sizes, 2) == ([("huge", 2, 2), ("b", 1, 1), ("a", 1, 1)], 2)


def test_one_that_is_small_gains_nothing_by_more_jobs():
    assert shares({"a": 8 << 20, "b": 9 << 20}, 2) == ([("b", 1, 1), ("a", 1, 1)], 2)


@pytest.mark.parametrize("size", [0, GIB])
def test_one_alone_has_all_jobs(size):
    assert shares({"a": size}, 4) == ([("a", 4, 1)], 1)


def test_one_job_does_one_after_another():
    assert shares({"a": GIB, "b": 2 * GIB}, 1) == ([("b", 1, 1), ("a", 1, 1)], 1)


def test_without_sizes_as_many_run_as_there_are_jobs_and_what_fails_at_once_comes_first():
    assert shares({"a": 0, "b": 0, "c": 0}, 2) == ([("a", 1, 1), ("b", 1, 1), ("c", 1, 1)], 2)
    assert shares({"a": GIB, "absent": 0, "b": GIB}, 2)[0][0] == ("absent", 1, 1)


@pytest.mark.parametrize(("free", "most"), [(100, 4), (12, 4), (11, 3), (6, 2), (5, 1), (0, 1)])
def test_no_more_run_than_the_server_has_sessions_for(free, most):
    server = Capacity({}, free, "role lifeboat")
    given, found = shares(dict.fromkeys("abcdef", GIB), 4, server)
    assert found == most
    # Where only one may run, its own jobs are as many as it was asked for, and its own preflight judges that.
    assert {jobs for _name, jobs, _places in given} == {1 if most > 1 else 4}
    said = sharing.narrowness(server, most, 4)
    assert bool(said) == (most < 4)
    assert not said or f"at a time: {most}, as the limit of role lifeboat leaves {free} sessions." in said[0]
