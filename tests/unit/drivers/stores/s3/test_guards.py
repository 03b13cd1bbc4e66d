# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bucket's guards need to change, decided without a bucket."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3 import guards, lifecycle
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3.guards import Lock, State
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError

AREA = lifecycle.Area("pre/shop/", "pre/shop/data/")
BARE = State(exists=True)
DECLARED: dict[str, t.Any] = {
    "create": True,
    "versioning": True,
    "object_lock": {"mode": "compliance", "days": 35},
    "transitions": [{"storage_class": "STANDARD_IA", "days": 30}, {"storage_class": "GLACIER", "days": 90}],
    "abort_multipart_days": 3,
    "noncurrent_days": 40,
}


def changed(state: State, **declared: t.Any) -> list[str]:
    return [str(change) for change in guards.plan(state, guards.parse(declared), AREA).changes]


def test_a_missing_bucket_gets_everything() -> None:
    assert changed(State(), **DECLARED) == [
        "bucket: missing -> made",
        "versioning: off -> enabled",
        "object_lock: none -> compliance, 35 days",
        "transitions: none -> STANDARD_IA after 30 days, GLACIER after 90 days",
        "abort_multipart_days: none -> 3 days",
        "noncurrent_days: none -> 40 days",
    ]


def test_what_is_as_declared_does_not_change() -> None:
    declared = guards.parse(DECLARED)
    done = guards.projected(State(), guards.plan(State(), declared, AREA))
    plan = guards.plan(done, declared, AREA)
    assert plan == guards.Plan()
    assert guards.describe(done, AREA) == {
        "versioning": "enabled",
        "object_lock": {"mode": "compliance", "days": 35},
        "transitions": [{"storage_class": "STANDARD_IA", "days": 30}, {"storage_class": "GLACIER", "days": 90}],
        "abort_multipart_days": 3,
        "noncurrent_days": 40,
    }


def test_what_is_not_declared_is_left_alone() -> None:
    state = State(True, "suspended", True, Lock("governance", 9), ({"ID": "theirs"},))
    assert changed(state) == []
    assert changed(state, abort_multipart_days=0, noncurrent_days=0, transitions=[]) == []


def test_a_lock_switches_versions_on() -> None:
    assert changed(BARE, object_lock={"mode": "governance", "days": 1}) == [
        "versioning: off -> enabled",
        "object_lock: none -> governance, 1 day",
    ]
    suspended = dataclasses.replace(BARE, versioning="suspended")
    assert changed(suspended, versioning=True) == ["versioning: suspended -> enabled"]


@pytest.mark.parametrize(
    ("has", "wanted", "weaker"),
    [
        (("governance", 30), ("governance", 29), True),
        (("governance", 30), ("governance", 31), False),
        (("governance", 30), ("compliance", 30), False),
        (("governance", 30), ("compliance", 29), True),
        (("compliance", 30), ("governance", 30), True),
        (("compliance", 30), ("governance", 300), True),
        (("compliance", 30), ("compliance", 300), False),
    ],
)
def test_weaker_is_what_lets_anything_go_earlier(has: tuple[str, int], wanted: tuple[str, int], weaker: bool) -> None:
    state = State(True, "enabled", True, Lock(*has))
    declared = {"object_lock": {"mode": wanted[0], "days": wanted[1]}}
    if weaker:
        with pytest.raises(UsageError, match="weaker than that of the bucket") as caught:
            changed(state, **declared)
        assert caught.value.details["field"] == "bucket.object_lock"
    assert len(changed(state, **declared, allow_weaker=True)) == 1


def test_a_missing_bucket_is_not_made_by_accident() -> None:
    with pytest.raises(UsageError, match="does not exist") as caught:
        changed(State(), versioning=True)
    assert caught.value.details["field"] == "bucket.create"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"versionning": True}, "versionning"),
        ({"object_lock": {"mode": "GOVERNANCE", "days": 3}}, "object_lock.mode"),
        ({"object_lock": {"days": 3}}, "object_lock.mode"),
        ({"object_lock": {"mode": "governance"}}, "object_lock.days"),
        ({"object_lock": {"mode": "governance", "days": 0}}, "object_lock.days"),
        ({"object_lock": {"mode": "governance", "days": True}}, "object_lock.days"),
        ({"object_lock": {"mode": "governance", "days": 36501}}, "object_lock.days"),
        ({"object_lock": {"mode": "governance", "days": "30d"}}, "object_lock.days"),
        ({"abort_multipart_days": -1}, "abort_multipart_days"),
        ({"noncurrent_days": "soon"}, "noncurrent_days"),
        ({"transitions": [{"storage_class": "STANDARD", "days": 3}]}, "transitions[0].storage_class"),
        ({"transitions": [{"storage_class": "glacier", "days": 3}]}, "transitions[0].storage_class"),
        ({"transitions": [{"days": 3}]}, "transitions[0].storage_class"),
        ({"transitions": [{"storage_class": "GLACIER", "days": -3}]}, "transitions[0].days"),
        (
            {"transitions": [{"storage_class": "GLACIER", "days": 30}, {"storage_class": "DEEP_ARCHIVE", "days": 30}]},
            "transitions[1].days",
        ),
    ],
)
def test_bad_input_is_refused_by_its_name(options: dict[str, t.Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        guards.parse(options)
    assert caught.value.details["field"] == f"bucket.{field}"
    assert field.rpartition(".")[2] in caught.value.cause
    assert caught.value.remedy


def test_a_rule_that_somebody_switched_off_does_not_count_as_there() -> None:
    declared = {"noncurrent_days": 40, "abort_multipart_days": 3}
    done = guards.projected(BARE, guards.plan(BARE, guards.parse(declared), AREA))
    off = dataclasses.replace(done, rules=tuple({**rule, "Status": "Disabled"} for rule in done.rules))
    assert guards.describe(off, AREA) == guards.describe(BARE, AREA)
    assert changed(off, noncurrent_days=40) == ["noncurrent_days: none -> 40 days"]
    assert changed(off, noncurrent_days=0) == ["lifecycle: changed by somebody else -> as declared"]


def test_a_short_time_to_notice_is_warned_of() -> None:
    assert "13 days later" in guards.warnings(BARE, guards.parse({"noncurrent_days": 13}), AREA)[0]
    for days in (0, 14):
        assert guards.warnings(BARE, guards.parse({"noncurrent_days": days}), AREA) == []
