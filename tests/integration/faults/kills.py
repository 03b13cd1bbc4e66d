# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
SIGKILL, SIGTERM and cut connections at random moments of a backup, and what must hold after each of them.

The backup under fault is the real module in a process of its own (victim.py). Afterwards: what was listed is listed
and opens; nothing else is, unless it opens too; the run said that it failed, and why; no process, temporary file,
plaintext or key is left; and the next run succeeds without anybody cleaning up.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path
from unittest import mock

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import members
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit

from .fault_fixtures import as_json, children_of_server, wait_until

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from postgres_fixtures import Cluster

    from .fault_fixtures import Fixture

VICTIM = Path(__file__).with_name("victim.py")

SMALLEST = 256 << 10
"""In place of members.SMALLEST, so that the tables get members of their own."""

DEADLINE = 120.0
"""Seconds after which a run under fault counts as hanging."""

RESTORE_EVERY = 12
"""After so many faults, and after the last, a backup is really restored and everything listed is read."""

MOST_MISSED = 30
"""Draws in a row that may come when the run has ended already."""

STATE_FILES = re.compile(
    r"(audit|receipts|reread|statistics)\.jsonl|status/(backup|verify)-[\w.%-]+\.json(\.[0-9a-f]{16})?"
)
"""What may be in the state directory; digits at the end are of a process that was killed while it wrote its status."""

SETUP = """
SET search_path = public;
CREATE TABLE orders AS SELECT n AS id, '{marker}' AS note, md5(n::text) || md5((n * 7)::text) AS body
  FROM generate_series(1, 18000) AS n;
CREATE TABLE lines AS SELECT n AS id, md5((n + 1)::text) || md5((n * 11)::text) AS body
  FROM generate_series(1, 8000) AS n;
CREATE TABLE events AS SELECT n AS id, md5((n + 2)::text) || md5((n * 13)::text) AS body
  FROM generate_series(1, 7000) AS n;
ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE TABLE settings AS SELECT n AS id, '{marker}' AS value FROM generate_series(1, 50) AS n;
"""


def prepare(server: Cluster, database: str, marker: str) -> None:
    """Fill an empty database with tables that are several blocks of an upload each; `marker` is in many rows."""
    server.execute(SETUP.format(marker=marker), database)


@dataclasses.dataclass
class Ended:
    """How a run of the module ended."""

    status: int
    out: bytes
    err: bytes
    seconds: float

    @property
    def result(self) -> t.Mapping[str, t.Any]:
        return as_json(self.out)


class Victim:
    """A run of the module that has begun."""

    def __init__(
        self, place: Fixture, fault: str | None = None, at: int = 0, *, slow_proof: bool = False, **options: t.Any
    ) -> None:
        self.place = place
        self.steps = place.home / "steps"
        settings = {
            "options": {key: value for key, value in place.module_arguments(**options).items() if value is not None},
            "fault": fault,
            "at": at,
            "smallest": SMALLEST,
            "slow_proof": slow_proof,
            "steps": None if fault else str(self.steps),
        }
        path = place.home / "settings.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, str(VICTIM), str(path)],
            env=place.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def end(self) -> Ended:
        """Wait for the end, and for the children that a killed parent leaves behind."""
        try:
            out, err = self.process.communicate(timeout=DEADLINE)
        finally:
            self.process.kill()
        seconds = time.monotonic() - self._began
        wait_until(lambda: not children_of_server(self.place.server.directory), "the end of all pg_dumps")
        return Ended(self.process.returncode, out, err, seconds)


@dataclasses.dataclass
class Measure:
    """What a run without a fault takes: the faults are spread over it."""

    steps: int
    steps_with_child: int
    seconds: float

    @classmethod
    def of(cls, place: Fixture, **options: t.Any) -> Measure:
        victim = Victim(place, **options)
        ended = victim.end()
        if ended.status != 0:
            raise AssertionError(f"a run without a fault failed: {ended.out!r} {ended.err!r}")
        steps, with_child = victim.steps.read_text().split()
        return cls(int(steps), int(with_child), ended.seconds)


def kill_own_at_step(place: Fixture, normal: Measure, chance: random.Random, **options: t.Any) -> Ended | None:
    ended = Victim(place, "own", chance.randrange(1, normal.steps + 1), **options).end()
    return ended if ended.status else None


def kill_own_at_time(place: Fixture, normal: Measure, chance: random.Random, **options: t.Any) -> Ended | None:
    return _signal_at_time(place, normal, chance, signal.SIGKILL, **options)


def end_own_at_time(place: Fixture, normal: Measure, chance: random.Random, **options: t.Any) -> Ended | None:
    return _signal_at_time(place, normal, chance, signal.SIGTERM, **options)


def kill_child_at_step(place: Fixture, normal: Measure, chance: random.Random, **options: t.Any) -> Ended | None:
    fault = chance.choice(("child", "child", "children"))
    ended = Victim(place, fault, chance.randrange(1, normal.steps_with_child + 1), **options).end()
    return ended if ended.status else None


def kill_child_at_time(place: Fixture, normal: Measure, chance: random.Random, **options: t.Any) -> Ended | None:
    victim = Victim(place, **options)
    directory = place.server.directory
    wait_until(lambda: bool(children_of_server(directory)) or victim.process.poll() is not None, "the first pg_dump")
    time.sleep(chance.random() * 0.2)
    for pid in children_of_server(directory)[:1]:
        _kill(pid, signal.SIGKILL)
    ended = victim.end()
    return ended if ended.status else None


def _signal_at_time(
    place: Fixture, normal: Measure, chance: random.Random, number: signal.Signals, **options: t.Any
) -> Ended | None:
    victim = Victim(place, **options)
    began = time.monotonic()
    # The interpreter's start is a third of a short run, and nothing of ours happens in it.
    try:
        victim.process.wait(normal.seconds * chance.uniform(0.3, 1.0))
    except subprocess.TimeoutExpired:
        victim.process.send_signal(number)
    else:
        normal.seconds = time.monotonic() - began  # the machine is less busy than it was when that was measured
    ended = victim.end()
    return ended if ended.status else None


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


Fault = t.Callable[..., "Ended | None"]

LOCAL_FAULTS: dict[str, Fault] = {
    "own process, at a step": kill_own_at_step,
    "own process, at a time": kill_own_at_time,
    "own process, SIGTERM": end_own_at_time,
    "pg_dump, at a step": kill_child_at_step,
    "pg_dump, at a time": kill_child_at_time,
}


@dataclasses.dataclass
class Struck:
    """What a series of faults showed."""

    faults: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    missed: int = 0
    restores: int = 0
    finished_all_the_same: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {what}" for what, count in sorted(self.faults.items()))
        return (
            f"{self.faults.total()} faults ({kinds}); {self.missed} draws came too late to count; "
            f"{self.finished_all_the_same} faults came after the manifest; {self.restores} real restores; "
            f"wrong: {len(self.wrong)}"
        )


def strike(
    place: Fixture,
    kinds: t.Mapping[str, Fault],
    count: int,
    seed: int,
    *,
    report: Callable[[str], object] = lambda _line: None,
    **options: t.Any,
) -> Struck:
    """Strike `count` backups, taking turns with the kinds of faults, and judge after each."""
    chance = random.Random(f"{seed} faults")
    struck = Struck()
    with mock.patch.object(members, "SMALLEST", SMALLEST):
        normal = Measure.of(place, **options)
        in_a_row = 0
        while struck.faults.total() < count:
            kind = list(kinds)[struck.faults.total() % len(kinds)]
            before = Before(place.listed(), place.unlisted_objects())
            ended = kinds[kind](place, normal, chance, **options)
            if ended is None:
                struck.missed += 1
                in_a_row += 1
                if in_a_row > MOST_MISSED:
                    raise AssertionError(f"{kind}: the faults come too late again and again")
                continue
            in_a_row = 0
            struck.faults[kind] += 1
            wrong = judge(place, before, ended, struck)
            if "pg_dump" in kind and not re.search("pg_dump.* was killed by SIGKILL", str(ended.result.get("msg"))):
                wrong.append(f"the message does not say what happened: {ended.result.get('msg')}")
            struck.wrong += [f"{kind}: {what}" for what in wrong]
            report(f"{struck.faults.total()}/{count} {kind}: {'; '.join(wrong) or 'well'}")
            if struck.faults.total() % RESTORE_EVERY == 0 or struck.faults.total() == count:
                struck.wrong += [f"restore: {what}" for what in _restore(place)]
                struck.restores += 1
    return struck


@dataclasses.dataclass
class Before:
    """What the store held before a fault: backups, and what earlier faults left of others."""

    listed: list[str]
    garbage: list[str]


def judge(place: Fixture, before: Before, ended: Ended, struck: Struck) -> list[str]:
    """Return what is not as it must be after a fault."""
    wrong = []
    listed = place.listed()
    if not set(before.listed) <= set(listed):
        wrong.append("a backup that was listed is gone")
    for extra in sorted(set(listed) - set(before.listed)):
        struck.finished_all_the_same += 1
        place.verify(extra)
    if ended.status > 0:
        wrong += _said_nothing(ended, place)
        left = sorted(set(place.unlisted_objects()) - set(before.garbage))
        wrong += [f"an orderly failure left {name}" for name in left]
    wrong += [f"secrets in {where}" for where in place.secrets_left(ended.out, ended.err)]
    wrong += [f"left {path}" for path in place.temporary_files()]
    state = place.home / "state"
    names = [str(path.relative_to(state)) for path in state.rglob("*") if path.is_file()]
    wrong += [f"left state/{name}" for name in names if not STATE_FILES.fullmatch(name)]
    wrong += [problem for problem in audit.AuditLog(str(state)).verify() if "ends in an incomplete line" not in problem]
    made = place.back_up(max_shrink=0)
    place.verify(made)
    if set(place.listed()) != {*listed, made}:
        wrong.append("the next run's backup is not listed")
    return wrong


def _said_nothing(ended: Ended, place: Fixture) -> list[str]:
    """Return what a failed run should have said and did not."""
    result = ended.result
    message = str(result.get("msg", ""))
    wrong = []
    if not result.get("failed") or not result.get("error"):
        wrong.append(f"the result does not say that it failed: {result}")
    if len(re.findall(r"[.!](?=\s|$)", message)) < 2 or "Traceback" in message + ended.err.decode(errors="replace"):
        wrong.append(f"the message has no cause and remedy: {message!r} {ended.err[-500:]!r}")
    status = json.loads(next((place.home / "state" / "status").glob("backup-*.json")).read_text())
    if status["result"] != "failed" and result.get("error") != "Ended":
        wrong.append(f"the status says {status['result']}")
    return wrong


def _restore(place: Fixture) -> list[str]:
    place.verify()
    newest = place.listed()[-1]
    with place.restored(newest) as name:
        return place.differences(newest, name)
