# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lifecycle rules: ours among those of others, and those that would harm us."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3 import lifecycle
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3.lifecycle import (
    Area,
    Transition,
)

AREA = Area("pre/shop/", "pre/shop/data/")
STEPS = (Transition("STANDARD_IA", 30), Transition("DEEP_ARCHIVE", 120))
OURS: dict[str, lifecycle.Rule | None] = {
    lifecycle.TIERS: lifecycle.tiers(AREA, STEPS),
    lifecycle.UPLOADS: lifecycle.uploads(AREA, 3),
    lifecycle.NONCURRENT: lifecycle.noncurrent(AREA, 40),
}
THEIRS: list[lifecycle.Rule] = [
    {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}, "Strange": {"x": 1}},
    {"Status": "Disabled", "Prefix": "tmp/", "Expiration": {"Days": 1}},
]


def rules_of(*others: lifecycle.Rule) -> list[lifecycle.Rule]:
    return [*others, *(rule for rule in OURS.values() if rule)]


def test_ours_join_theirs_which_stay_as_they_came() -> None:
    before = copy.deepcopy(THEIRS)
    merged = lifecycle.merged(THEIRS, OURS, AREA)
    assert merged == rules_of(*before)
    assert before == THEIRS


def test_the_same_rules_in_another_order_are_the_same() -> None:
    told = copy.deepcopy(rules_of(*THEIRS))[::-1]
    for rule in told:
        rule.get("Transitions", []).reverse()
    assert lifecycle.merged(told, OURS, AREA) is None
    # Some stores tell a rule's scope as it was told before there were filters.
    for rule in told:
        if "Filter" in rule and str(rule.get("ID", "")).startswith("lifeboat-"):
            rule["Prefix"] = rule.pop("Filter")["Prefix"]
    assert lifecycle.merged(told, OURS, AREA) is None


@pytest.mark.parametrize(
    ("rule", "reaches"),
    [
        ({"Filter": {"Prefix": "pre/shop/wal/"}, "Expiration": {"Days": 30}}, True),
        ({"Filter": {"Prefix": ""}, "Expiration": {"Date": "2027-01-01"}}, True),
        ({"Prefix": "pre/shop/wal/731", "Expiration": {"Days": 1}}, True),
        ({"Filter": {"Prefix": "pre/shop/data/"}, "Expiration": {"Days": 30}}, False),
        ({"Filter": {"Prefix": "pre/"}, "Expiration": {"ExpiredObjectDeleteMarker": True}}, False),
        ({"Filter": {"Prefix": "pre/"}, "Expiration": {"Days": 1}, "Status": "Disabled"}, False),
    ],
)
def test_rules_that_delete_below_a_prefix_are_named(rule: lifecycle.Rule, reaches: bool) -> None:
    rules = rules_of({"ID": "old", "Status": "Enabled", **rule})
    assert lifecycle.expiring(rules, "pre/shop/wal/") == (["old"] if reaches else [])


@pytest.mark.parametrize(
    "change",
    [
        {"Status": "Disabled"},
        {"Filter": {"Prefix": "pre/"}},
        {"Filter": {"Prefix": "pre/shop/data/", "ObjectSizeGreaterThan": 1}},
        {"Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}]},
        {"Expiration": {"Days": 3}},
    ],
)
def test_what_somebody_changed_in_ours_is_put_right(change: dict[str, t.Any]) -> None:
    told = rules_of(*THEIRS)
    told = [{**rule, **change} if "Transitions" in rule else rule for rule in told]
    merged = lifecycle.merged(told, OURS, AREA)
    assert merged is not None
    assert sorted(map(repr, merged)) == sorted(map(repr, rules_of(*THEIRS)))


def test_only_what_is_declared_changes() -> None:
    told = rules_of(*THEIRS)
    merged = lifecycle.merged(told, {lifecycle.UPLOADS: None}, AREA)
    assert merged == [rule for rule in told if "AbortIncompleteMultipartUpload" not in rule]
    assert lifecycle.merged(THEIRS, {lifecycle.UPLOADS: None}, AREA) is None


def test_two_applications_in_a_bucket_have_rules_of_their_own() -> None:
    other = Area("pre/books/", "pre/books/data/")
    told = rules_of()
    merged = lifecycle.merged(told, {lifecycle.UPLOADS: lifecycle.uploads(other, 5)}, other)
    assert merged == [*told, lifecycle.uploads(other, 5)]


def test_a_name_fits_for_every_prefix() -> None:
    long = Area(f"{'ü' * 300}/shop/", f"{'ü' * 300}/shop/data/")
    names = {lifecycle.rule_id(kind, long) for kind in OURS}
    assert len(names) == 3
    assert all(len(name.encode()) <= 255 for name in names)


def test_only_data_is_sent_away() -> None:
    rule = OURS[lifecycle.TIERS]
    assert rule is not None
    assert rule["Filter"] == {"Prefix": "pre/shop/data/"}
    assert lifecycle.transitions(rule) == STEPS


ENABLED = {"ID": "x", "Status": "Enabled"}


@pytest.mark.parametrize(
    ("rule", "danger"),
    [
        ({"Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}, "deletes backups"),
        ({"Filter": {}, "Expiration": {"Days": 30}}, "deletes backups"),
        ({"Prefix": "pre/", "Expiration": {"Date": "2030-01-01"}}, "deletes backups"),
        ({"Filter": {"Prefix": "pre/shop/manifests/"}, "Expiration": {"Days": 30}}, "deletes backups"),
        ({"Filter": {"And": {"Prefix": "pre/", "ObjectSizeLessThan": 9}}, "Expiration": {"Days": 1}}, "deletes"),
        ({"Filter": {"Prefix": "pre/"}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}, "to GLACIER"),
        ({"Filter": {"Prefix": "pre/shop/data/"}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}, ""),
        ({"Filter": {"Prefix": "pre/"}, "Transitions": [{"Days": 1, "StorageClass": "STANDARD_IA"}]}, ""),
        ({"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}}, ""),
        ({"Filter": {"Prefix": "pre/shopping/"}, "Expiration": {"Days": 30}}, ""),
        ({"Filter": {"Tag": {"Key": "a", "Value": "b"}}, "Expiration": {"Days": 30}}, ""),
        ({"Filter": {"And": {"Prefix": "", "Tags": []}}, "Expiration": {"Days": 30}}, ""),
        ({"Filter": {"Prefix": ""}, "Expiration": {"ExpiredObjectDeleteMarker": True}}, ""),
        ({"Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}, ""),
        ({"Filter": {"Prefix": ""}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}, "1 day later"),
        ({"Prefix": "pre/", "NoncurrentVersionExpiration": {"NoncurrentDays": 13}}, "13 days later"),
        ({"Prefix": "pre/", "NoncurrentVersionExpiration": {"NoncurrentDays": 14}}, ""),
        ({"Prefix": "logs/", "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}, ""),
    ],
)
def test_rules_of_others_that_reach_backups_are_named(rule: dict[str, t.Any], danger: str) -> None:
    found = lifecycle.dangers([{**ENABLED, **rule}, *rules_of()], AREA)
    assert len(found) == bool(danger)
    assert all(danger in text and "rule x" in text for text in found)


@pytest.mark.parametrize(
    ("kind", "change", "danger"),
    [
        (lifecycle.TIERS, {"Expiration": {"Days": 1}}, "deletes backups"),
        (lifecycle.TIERS, {"Filter": {"Prefix": ""}}, "to DEEP_ARCHIVE"),
        (lifecycle.UPLOADS, {"Expiration": {"Date": "2030-01-01"}}, "deletes backups"),
        (lifecycle.UPLOADS, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}}, "1 day later"),
        (lifecycle.NONCURRENT, {"Expiration": {"Days": 1}}, "deletes backups"),
    ],
)
def test_what_somebody_changed_in_ours_is_named(kind: str, change: dict[str, t.Any], danger: str) -> None:
    changed = {**(OURS[kind] or {}), **change}
    found = lifecycle.dangers([*rules_of(), changed], AREA)
    assert len(found) == 1
    assert danger in found[0]
    assert lifecycle.rule_id(kind, AREA) in found[0]


def test_ours_are_no_danger_whatever_is_declared() -> None:
    assert lifecycle.dangers([*rules_of(), lifecycle.noncurrent(AREA, 1)], AREA) == []
