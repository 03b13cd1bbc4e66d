# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two controllers and one recovery: exactly one is at work, whatever fails between them and the store."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import signal
import subprocess
import sys
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import modules
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Busy, RecoveryError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.recover import reaching
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from faultproxy import Fault
from recovery_fixtures import STEPS, Controller, controller, living, plan
from sample_host import SampleHost

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.catalogue import (
        RepositorySettings,
    )
    from faultproxy import FaultProxy

ROUNDS = {"directory": 50, "s3": 15}
"""How often two begin at once; to resume takes longer, as all events are read."""


@dataclasses.dataclass
class Host(SampleHost):
    """A sample host whose store may be a bucket."""

    place: factory.StoreSettings | None = None

    @property
    def settings(self) -> RepositorySettings:
        own = super().settings
        return dataclasses.replace(own, store=self.place) if self.place else own


def real() -> World:
    return World(now=lambda: datetime.now(UTC), sleep=time.sleep, environ={})


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    (tmp_path / "sample").mkdir()
    place = None
    if request.param == "s3":
        place = request.getfixturevalue("s3").settings(f"recover/{secrets.token_hex(6)}")
    made = Host(tmp_path / "sample", now=datetime.now(UTC), place=place)
    made.back_up()
    return made


@pytest.fixture
def two(store: Host) -> Iterator[list[Controller]]:
    """Two controllers, each with a memory and a process of its own."""
    with contextlib.ExitStack() as processes:
        pids = [processes.enter_context(living()) for _each in range(2)]
        both = [controller(store, name, pid=pid) for name, pid in zip(("one", "two"), pids, strict=True)]
        for each in both:
            each.world = real()
        yield both


def race(two: list[Controller], **values: t.Any) -> tuple[Controller, RecoveryError]:
    """Let both open at the same moment; return who runs, and what the other one is told."""
    start = threading.Barrier(2)

    def compete(one: Controller) -> RecoveryError | None:
        start.wait()
        try:
            one.open(**values)
        except RecoveryError as exc:
            return exc
        return None

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(compete, two))
    losers = [exc for exc in told if exc]
    assert len(losers) == 1, told
    return two[told.index(None)], losers[0]


def test_of_two_that_begin_at_once_exactly_one_runs(store: Host, two: list[Controller]) -> None:
    for _round in range(ROUNDS["s3" if store.place else "directory"]):
        winner, told = race(two)
        assert isinstance(told, Busy)
        winner.close("failed")


def test_of_two_that_resume_at_once_exactly_one_goes_on(store: Host, two: list[Controller]) -> None:
    identity = two[0].open()["id"]
    two[0].leave()
    rounds = ROUNDS["s3" if store.place else "directory"] // 3
    for _round in range(rounds):
        winner, told = race(two, recovery_id=identity)
        assert isinstance(told, Busy)
        winner.leave()
    assert len(two[0].journal().state.runs) == 1 + rounds


def test_a_run_that_was_taken_over_stops_at_its_next_event(two: list[Controller]) -> None:
    identity = two[0].open()["id"]
    for number in range(10):
        old, new = two[number % 2], two[1 - number % 2]
        old.begin("provision")
        new.open(recovery_id=identity, takeover=True)
        with pytest.raises(Busy, match=f"alice on .* took over {identity}"):
            old.end("provision")
    assert two[0].read()["interrupted"] == ["provision"]


def test_a_store_that_takes_a_number_twice_is_found_out_one_event_later(store: Host, two: list[Controller]) -> None:
    """A store without conditional writes lets the later one of two runs replace what the first one wrote."""
    identity = two[0].open()["id"]
    two[0].begin("provision")
    direct = factory.open_store(store.settings.store, environ={})
    direct.delete(repository.event("shop", "recover", identity, 2))
    two[1].open(recovery_id=identity, takeover=True)
    with pytest.raises(Busy, match="took over"):
        two[0].end("provision")


@pytest.fixture
def behind(s3: t.Any, proxy: FaultProxy, tmp_path: Path) -> Controller:
    """A controller that reaches the S3 server through a proxy."""
    (tmp_path / "sample").mkdir()
    prefix = f"recover/{secrets.token_hex(6)}"
    direct = Host(tmp_path / "sample", now=datetime.now(UTC), place=s3.settings(prefix))
    direct.back_up()
    made = controller(direct, "one")
    made.settings = dataclasses.replace(made.settings, store=s3.settings(prefix, endpoint=proxy.endpoint))
    made.world = real()
    return made


CUT = Fault(".*", answer=(503, b"<Error><Code>SlowDown</Code></Error>"))


def elsewhere(behind: Controller, tmp_path: Path) -> Controller:
    """Return a controller without a memory that reaches the same store."""
    (tmp_path / "elsewhere").mkdir()
    settings = dataclasses.replace(behind.settings, state_dir=str(tmp_path / "elsewhere"))
    return dataclasses.replace(behind, settings=settings)


def test_a_recovery_goes_on_while_its_store_is_cut_off(
    behind: Controller, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = dataclasses.replace(reaching.PATIENCE, retries=0, retrying=1)
    monkeypatch.setattr(reaching, "PATIENCE", quick)
    behind.open()
    proxy.add(CUT)
    for step in STEPS[:2]:
        assert "is only on this host" in behind.begin(step).warnings[0]
        assert "is only on this host" in behind.end(step).warnings[0]
    with pytest.raises(RecoveryError, match="journal: local"):
        behind.begin("dns", exclusive=True)
    proxy.reset()
    assert behind.begin("dns", exclusive=True).warnings == ()
    assert elsewhere(behind, tmp_path).read() == behind.read()


def test_nothing_begins_while_the_store_is_cut_off(
    behind: Controller, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = dataclasses.replace(reaching.PATIENCE, retries=0, retrying=1)
    monkeypatch.setattr(reaching, "PATIENCE", quick)
    proxy.add(CUT)
    with pytest.raises(RecoveryError, match="journal: local"):
        behind.open()
    assert behind.open(journal="local")["points"] == {}


def test_a_module_that_is_killed_before_its_event_reached_the_store_loses_nothing(
    behind: Controller, proxy: FaultProxy, tmp_path: Path
) -> None:
    behind.open()
    written = tmp_path / "sample" / "one" / "recoveries" / "shop" / f"{behind.recovery_id}.jsonl"
    before = written.read_bytes()
    proxy.add(Fault("^PUT .*00000002", how="stall", cut_request=0))
    options = {**_options(behind), "state": "begin", "step": "provision"}
    with subprocess.Popen(
        [sys.executable, "-c", modules.PROGRAM, "recovery_journal"],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as module:
        assert module.stdin
        module.stdin.write(json.dumps(options).encode())
        module.stdin.close()
        deadline = time.monotonic() + 30
        while not any("00000002" in head for head in proxy.seen):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        module.send_signal(signal.SIGKILL)
    assert written.read_bytes() != before
    proxy.reset()
    there = elsewhere(behind, tmp_path)
    assert there.read()["interrupted"] == []
    behind.end("provision")
    assert there.read()["settled"] == {"provision": "ok"}


def _options(of: Controller) -> dict[str, t.Any]:
    place = {name: value for name, value in dataclasses.asdict(of.settings.store).items() if value is not None}
    keys = {"recovery_key_file": of.settings.keys.recovery_key_file}
    common = {"application": "shop", "store": place, "keys": keys, "state_dir": of.settings.state_dir}
    return {**common, "recovery_id": of.recovery_id, "run": of.run}


def test_a_journal_holds_no_secret(store: Host, two: list[Controller]) -> None:
    """What a run is given as options, and what it signs and encrypts with, stands nowhere."""
    canary = f"canary-{secrets.token_hex(8)}"
    one = two[0]
    environment = {"PYTHONPATH": ":".join(sys.path), "DATABASE_PASSWORD": canary, "AWS_SECRET_ACCESS_KEY": canary}
    described = {"name": "data_loss", "digest": "d", "steps": [dataclasses.asdict(step) for step in plan().steps]}
    told = modules.run(
        "recovery_journal",
        {
            **_options(one),
            "recovery_id": "",
            "run": "",
            "state": "open",
            "plan": described,
            "process": {"pid": one.pid},
        },
        environment,
    )
    assert told["recovery"]["id"], told
    one.recovery_id, one.run = told["recovery"]["id"], told["recovery"]["run"]
    one.done(*STEPS)
    key = (store.home / "recovery.key").read_text().strip()
    said = b"".join(event.payload() for event in one.journal().events)
    with contextlib.suppress(FileNotFoundError):
        said += b"".join(path.read_bytes() for path in (store.home / "one").rglob("*") if path.is_file())
    for secret in (canary, key):
        assert secret.encode() not in said
