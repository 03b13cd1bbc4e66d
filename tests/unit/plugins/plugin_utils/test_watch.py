# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A watch outlives a broken connection, tells a lost job from a quiet one, and speaks at its interval."""

from __future__ import annotations

import datetime

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.status import Status
from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _watch

START = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)
JOB = _watch.Job("j1.2", "/async/j1.2", "/status", None)


class Host:
    """A host on which time passes only while somebody waits. `answers` are what looks find, the last one for ever."""

    def __init__(self, answers, *, alive=True):
        self.clock = 1000.0
        self.answers = list(answers)
        self.alive = alive
        self.said = []
        self.reconnects = 0

    def sleep(self, seconds):
        self.clock += seconds

    def poll(self, _job):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = answer(self.clock - 1000) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def is_alive(self, _job):
        return self.alive

    def say(self, text):
        self.said.append((round(self.clock - 1000), text))

    def waiting(self, seconds):
        return f"running for {seconds:.0f}"

    def reconnect(self):
        self.reconnects += 1


@pytest.fixture
def watch(monkeypatch):
    def run(host, interval=15.0):
        monkeypatch.setattr(_watch.time, "monotonic", lambda: host.clock)
        monkeypatch.setattr(_watch.time, "sleep", host.sleep)
        return _watch.Watch(host, JOB, interval).until_end()

    return run


def shown(seconds):
    updated = START + datetime.timedelta(seconds=seconds)
    return Status("backup", "main/shop", "dump", START, updated, 7, (), int(seconds * 1024), 102400, "")


def until(end, answer):
    return lambda seconds: answer(seconds) if seconds < end else (False, None)


def test_the_first_line_comes_soon_and_the_others_at_the_interval(watch):
    host = Host([until(40, lambda seconds: (True, shown(seconds)))])
    assert watch(host) == ""
    assert [at for at, _text in host.said] == pytest.approx([3, 18, 33], abs=2)
    assert host.said[0][1].startswith("backup of shop: 3.")
    assert all(text.isprintable() for _at, text in host.said)


def test_short_work_says_nothing(watch):
    host = Host([until(1, lambda _seconds: (True, None))])
    assert watch(host) == ""
    assert host.said == []
    assert host.clock - 1000 < 1.5


def test_work_without_a_status_still_shows_that_it_runs(watch):
    host = Host([until(20, lambda _seconds: (True, None))])
    watch(host)
    assert host.said[0][1].startswith("running for ")


def test_a_broken_connection_is_said_once_and_endured(watch):
    broken = AnsibleConnectionFailure("gone")
    host = Host([(True, None), broken, broken, broken, (True, None), (False, None)])
    assert watch(host, 1000.0) == ""
    assert [text[:23] for _at, text in host.said] == ["the connection was lost"]
    assert host.reconnects == 3


def test_a_host_that_stays_away_is_unreachable(watch):
    host = Host([AnsibleConnectionFailure("gone")])
    with pytest.raises(AnsibleConnectionFailure):
        watch(host)
    assert host.clock - 1000 > _watch.GIVE_UP


def test_a_job_without_processes_is_lost(watch):
    host = Host([(True, None)], alive=False)
    assert "ended without a result" in watch(host)


def test_a_quiet_job_with_processes_is_not_lost(watch):
    host = Host([until(300, lambda _seconds: (True, shown(5)))])
    assert watch(host) == ""


def test_a_job_that_ends_between_two_looks_is_not_lost(watch):
    host = Host([*[(True, None)] * 30, (False, None)], alive=False)
    host.is_alive = lambda _job: host.answers.clear() or host.answers.append((False, None))
    assert watch(host) == ""


def test_a_job_whose_status_moves_is_not_asked_for_its_processes(watch):
    host = Host([until(100, lambda seconds: (True, shown(seconds)))], alive=False)
    assert watch(host) == ""
