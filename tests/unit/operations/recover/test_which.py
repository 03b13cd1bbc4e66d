# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may go on with which recovery, in every combination of what was asked for and how the last run ended."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import holder
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    Busy,
    NotFound,
    RecoveryError,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.recover import which
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import (
    Close,
    Event,
    Leave,
    Open,
    Run,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import State, fold
from recovery_fixtures import controller, living, plan

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Done
    from recovery_fixtures import Controller
    from sample_host import SampleHost

NOW = datetime.datetime(2026, 11, 30, 12, 0, tzinfo=datetime.UTC)
MINE = {"host": "admin1", "machine": "m", "boot": "b", "ids": "i", "pid": 1, "started": "1"}
NOBODY = {**MINE, "host": "admin2", "pid": 2}


def state(
    name: str = "data_loss", *, hours: float = 1, end: t.Any = None, process: dict[str, t.Any] | None = None
) -> State:
    run = Run(id="0" * 16, user="bob", **(NOBODY if process is None else process))
    at = NOW - datetime.timedelta(hours=hours)
    identity = f"recovery-{at:%Y%m%dT%H%M%SZ}-{'0' * 16}"
    opened = Open(plan(name), "recover", "", {"db1": "spare1"}, {"db2": "db3"}, {}, {}, at, (), False)
    whats = [opened, end] if end else [opened]
    return fold([Event("shop", identity, number, "", at, run, what) for number, what in enumerate(whats, 1)])


def asked(recovery_id: str = "", *, takeover: bool = False, **hosts: dict[str, str]) -> which.Asked:
    named = {"replace": {}, "failover": {}, **hosts}
    return which.Asked("data_loss", "recover", recovery_id, takeover, MINE, NOW, **named)


def decided(own: State | None, last: State | None, ask: which.Asked, *, here: bool = True) -> str:
    """Return what comes of it in a word: resumed, begun, or the name of the error."""
    known = {each.recovery_id: here for each in (own, last) if each}
    told = refusal(own, last, ask, known)
    return type(told).__name__ if told else "resumed" if which.decide(own, last, ask, known) else "begun"


def refusal(own: State | None, last: State | None, ask: which.Asked, known: Mapping[str, bool]) -> RecoveryError | None:
    try:
        which.decide(own, last, ask, known)
    except RecoveryError as exc:
        return exc
    return None


LEFT, WAITS, OK, FAILED = Leave("failed"), Leave("waiting"), Close("ok"), Close("failed")


@pytest.mark.parametrize(
    ("end", "hours", "here", "wanted"),
    [
        (LEFT, 1, True, "resumed"),
        (WAITS, 23, True, "resumed"),
        (LEFT, 25, True, "UsageError"),
        (LEFT, 1, False, "UsageError"),
        (None, 1, True, "Busy"),
        (None, 1, False, "Busy"),
        (None, 100, False, "Busy"),
        (OK, 1, True, "resumed"),
        (OK, 23, False, "resumed"),
        (OK, 25, True, "begun"),
        (FAILED, 1, True, "begun"),
    ],
)
def test_the_last_recovery_of_the_plan(end: t.Any, hours: float, here: bool, wanted: str) -> None:
    own = state(end=end, hours=hours)
    assert decided(own, own, asked(), here=here) == wanted
    assert decided(own, own, asked("new"), here=here) == ("Busy" if end is None else "begun")


@pytest.mark.parametrize(("end", "wanted"), [(LEFT, "UsageError"), (None, "Busy"), (OK, "begun"), (FAILED, "begun")])
def test_a_recovery_of_another_plan_is_not_passed_over_in_silence(end: t.Any, wanted: str) -> None:
    other = state("ransomware", end=end)
    assert decided(None, other, asked()) == wanted
    assert decided(state(end=OK, hours=30), other, asked()) == wanted
    assert decided(state(end=LEFT, hours=2), other, asked()) == ("Busy" if end is None else "resumed")
    assert decided(None, other, asked("new")) == ("Busy" if end is None else "begun")


@pytest.mark.parametrize(
    ("hosts", "wanted"),
    [
        ({"replace": {"db1": "spare1"}, "failover": {"db2": "db3"}}, "resumed"),
        ({"replace": {"db1": "spare2"}}, "begun"),
        ({"replace": {"web1": "spare2"}}, "begun"),
        ({"failover": {"db3": "db2"}}, "begun"),
    ],
)
def test_one_that_ended_well_is_not_taken_for_that_of_other_hosts(hosts: dict[str, t.Any], wanted: str) -> None:
    own = state(end=OK)
    assert decided(own, own, asked(**hosts)) == wanted
    named = asked(own.recovery_id, **hosts)
    if wanted == "resumed":
        which.require_usable(own, named)
    else:
        with pytest.raises(UsageError, match="is over, and other hosts took part in it"):
            which.require_usable(own, named)


def test_one_that_ended_well_is_not_taken_for_another_after_a_recovery_by_another_plan() -> None:
    own, other = state(end=OK, hours=2), state("fail_back", end=OK)
    assert decided(own, other, asked()) == "begun"


def test_takeover_takes_the_plans_own_and_no_other() -> None:
    own, other = state(), state("ransomware", hours=0.5)
    assert decided(own, own, asked(takeover=True)) == "resumed"
    assert decided(own, other, asked(takeover=True)) == "Busy"
    assert decided(own, own, asked("new", takeover=True)) == "Busy"


CHANGES = {
    "same process": {},
    "other host": {"host": "admin2"},
    "other machine": {"machine": "n"},
    "before the boot": {"boot": "c"},
    "other namespace": {"ids": "j"},
    "pid came again": {"started": "2"},
    "pid is gone": {"pid": 2**22 + 1},
    "nothing known of the machine": {"machine": ""},
    "nothing known of the start": {"started": ""},
}
FREE = {"same process", "before the boot", "pid came again", "pid is gone"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_is_dead_only_when_this_machine_knows_it(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boot, namespace, process and its start have to agree that it is gone; else somebody has to say so."""
    (tmp_path / "machine-id").write_text(f"{'f' * 32}\n")  # a container may have none
    monkeypatch.setattr(holder, "MACHINE", str(tmp_path / "machine-id"))
    assert all(holder.stamp().values())
    with living() as pid:
        process = {**holder.stamp(pid), **CHANGES[change]}
        one = state(process=process)
        ask = asked()._replace(process=holder.stamp(pid))
        assert decided(one, one, ask) == ("resumed" if change in FREE else "Busy")
        assert decided(one, one, ask._replace(takeover=True)) == "resumed"


def test_every_refusal_says_what_to_do() -> None:
    for end, hours, here, other, recovery_id in itertools.product(
        (None, LEFT, OK), (1, 30), (True, False), ("data_loss", "ransomware"), ("", "new")
    ):
        one = state(other, end=end, hours=hours)
        own = one if other == "data_loss" else None
        told = refusal(own, one, asked(recovery_id), {one.recovery_id: here})
        if told:
            assert one.recovery_id in str(told)
            assert "recovery_id" in told.remedy
            assert isinstance(told, UsageError) or "bob on admin2 is at work" in told.cause


def test_a_run_that_was_killed_here_is_taken_over_by_itself(here: Controller) -> None:
    with living() as here.pid:
        first = here.open()
        here.begin("provision")
    with living() as pid:
        here.pid = pid
        again = here.open()
        assert (again["id"], again["interrupted"], again["resumed"]) == (first["id"], ["provision"], True)
        with living() as other, pytest.raises(Busy, match="no step yet"):
            here.opened(pid=other)


def test_a_named_recovery_is_of_this_plan_and_this_application(sample: SampleHost, here: Controller) -> None:
    here.open()
    here.leave()
    with pytest.raises(UsageError, match="is a recovery of plan data_loss, not of ransomware"):
        here.opened(plan=plan("ransomware"), recovery_id=here.recovery_id)
    with pytest.raises(NotFound, match="There is no recover recovery-2026"):
        here.opened(recovery_id="recovery-20261130T000000Z-0000000000000000")
    with pytest.raises(NotFound, match="There is no drill"):
        here.opened(recovery_id=here.recovery_id, mode="drill")
    there = controller(sample, "there")
    assert there.open(recovery_id=here.recovery_id)["resumed"]


def test_what_a_stranger_put_there_stops_no_recovery(sample: SampleHost, here: Controller) -> None:
    first = here.open()
    here.leave()
    strange: Path = sample.home / "store/shop/recoveries/recovery-20991130T000000Z-0000000000000000/00000001.lbx"
    strange.parent.mkdir(parents=True)
    strange.write_bytes(b"LBX1\n")
    outcome = here.opened()
    assert outcome.facts["recovery"]["id"] == first["id"]
    assert "recovery-20991130T000000Z-0000000000000000 was passed over" in outcome.warnings[0]


def test_a_drill_begins_anew_and_ends_one_that_was_killed(here: Controller) -> None:
    with living() as here.pid:
        first = here.open(mode="drill", approve=("dns",))
        here.begin("provision")
        with living() as other, pytest.raises(Busy, match="is at work on"):
            here.opened(pid=other, mode="drill", plan=plan("ransomware"))
    with living() as here.pid:
        outcome = here.opened(mode="drill", plan=plan("ransomware"))
        assert f"Drill {first['id']} of plan data_loss was interrupted." in outcome.warnings[0]
        second = outcome.facts["recovery"]
        assert (second["settled"], second["resumed"]) == ({}, False)
        assert second["id"] != first["id"]
        here.recovery_id = first["id"]
        assert here.read()["result"] == "failed"
        for over in (first["id"], "recovery-20261130T000000Z-0000000000000000"):
            with pytest.raises((UsageError, NotFound), match=f"{over} is over|There is no drill {over}"):
                here.opened(mode="drill", recovery_id=over)


def test_a_drill_waits_for_nobody(here: Controller) -> None:
    told: list[Done] = []
    here.world = dataclasses.replace(here.world, record=told.append)
    here.open(mode="drill", approve=("dns",))
    here.close("failed")
    assert [(approval.step, approval.by) for approval in here.journal("drill").state.approvals] == [("dns", "drill")]
    assert [entry.about["reason"] for entry in told if entry.operation == "recovery"] == ["drill", "drill"]
