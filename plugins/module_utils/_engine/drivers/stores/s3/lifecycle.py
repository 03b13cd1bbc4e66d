# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The lifecycle rules of a bucket: which are ours, what they say, and which of other people's reach our objects.

A bucket has one list of rules, which is always written whole. So the others' rules are handed back as they came.
Nothing here talks to a store.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Rule = dict[str, t.Any]

TIERS, UPLOADS, NONCURRENT = "tiers", "uploads", "noncurrent"

ID_LENGTH = 255
"""S3 takes no longer names of rules."""

FROZEN = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Classes whose objects cannot be read before hours of thawing."""

SHORT_GRACE = 14
"""Days for which hidden versions should be kept at least: somebody has to notice, also during holidays."""


@dataclasses.dataclass(frozen=True, slots=True)
class Transition:
    """Into which storage class data goes, and after how many days."""

    storage_class: str
    days: int


@dataclasses.dataclass(frozen=True, slots=True)
class Area:
    """The part of a bucket that rules of ours are about: all keys below `root`, and those of it below `data`."""

    root: str
    data: str


def tiers(area: Area, transitions: Sequence[Transition]) -> Rule:
    """Make the rule that sends data, and nothing else, to colder storage."""
    steps = [{"Days": step.days, "StorageClass": step.storage_class} for step in transitions]
    return _rule(TIERS, area, area.data, Transitions=steps)


def uploads(area: Area, days: int) -> Rule:
    """Make the rule that drops the parts of uploads that nobody finished."""
    return _rule(UPLOADS, area, area.root, AbortIncompleteMultipartUpload={"DaysAfterInitiation": days})


def noncurrent(area: Area, days: int) -> Rule:
    """Make the rule that removes versions that were replaced or hidden, and delete markers that hide nothing more."""
    return _rule(
        NONCURRENT,
        area,
        area.root,
        NoncurrentVersionExpiration={"NoncurrentDays": days},
        Expiration={"ExpiredObjectDeleteMarker": True},
    )


def rule_id(kind: str, area: Area) -> str:
    """Return the name by which our rule of that kind is known again."""
    name = f"lifeboat-{kind}-{area.root}"
    if len(name.encode()) > ID_LENGTH:
        name = f"lifeboat-{kind}-{hashlib.sha256(area.root.encode()).hexdigest()}"
    return name


def find(rules: Iterable[Rule], kind: str, area: Area) -> Rule:
    """Return our rule of that kind, an empty one where there is none or somebody switched it off."""
    wanted = rule_id(kind, area)
    return next((rule for rule in rules if rule.get("ID") == wanted and rule.get("Status") == "Enabled"), {})


def merged(rules: Sequence[Rule], wanted: Mapping[str, Rule | None], area: Area) -> list[Rule] | None:
    """
    Return the list with our rules as `wanted`, None among them for one that must go, and all others as they are.

    Return None when the list is so already.
    """
    ours = {rule_id(kind, area): rule for kind, rule in wanted.items()}
    kept = [rule for rule in rules if rule.get("ID") not in ours]
    asked = [rule for rule in ours.values() if rule is not None]
    present = [rule for rule in rules if rule.get("ID") in ours]
    if sorted(map(meaning, present)) == sorted(map(meaning, asked)):
        return None
    return kept + asked


def meaning(rule: Rule) -> str:
    """Return what one of our rules says, the same for every order in which a store may tell it."""
    scope = rule.get("Filter") or {"Prefix": rule.get("Prefix", "")}
    steps = sorted((step.get("Days"), step.get("StorageClass")) for step in rule.get("Transitions", ()))
    rest = {key: value for key, value in rule.items() if key not in {"Filter", "Prefix", "Transitions"}}
    return repr((sorted(scope.items()), steps, sorted((key, repr(value)) for key, value in rest.items())))


def in_days(days: float) -> str:
    """Return a number of days in words."""
    return "1 day" if days == 1 else f"{days:.0f} days"


def transitions(rule: Rule) -> tuple[Transition, ...]:
    """Return the steps of a rule, the earliest first."""
    steps = rule.get("Transitions", ())
    found = (Transition(str(step.get("StorageClass")), int(step.get("Days", 0))) for step in steps)
    return tuple(sorted(found, key=lambda step: (step.days, step.storage_class)))


def dangers(rules: Iterable[Rule], area: Area) -> list[str]:
    """
    Say which rules would delete our objects, or what is hidden of them, or make records unreadable.

    Our own never do, but somebody may have changed them. After how many days ours removes what is hidden is declared.
    """
    declared = rule_id(NONCURRENT, area)
    found: list[str] = []
    for rule in rules:
        if rule.get("Status") != "Enabled" or not _reaches(rule, area.root):
            continue
        name = f"The bucket's lifecycle rule {rule.get('ID') or 'without a name'}"
        expiration = rule.get("Expiration") or {}
        if "Days" in expiration or "Date" in expiration:
            found.append(f"{name} deletes backups regardless of the retention policy.")
        days = (rule.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays", SHORT_GRACE)
        if days < SHORT_GRACE and rule.get("ID") != declared:
            found.append(
                f"{name} deletes hidden or overwritten backups {in_days(days)} later, once their lock has ended."
            )
        frozen = {step.get("StorageClass") for step in rule.get("Transitions", ())} & FROZEN
        if frozen and not _prefix(rule).startswith(area.data):
            found.append(f"{name} moves records that every run reads to {min(frozen)}.")
    return found


def expiring(rules: Iterable[Rule], prefix: str) -> list[str]:
    """Return the names of the rules that delete objects below a prefix by their age or on a date."""
    active = (rule for rule in rules if rule.get("Status") == "Enabled" and _reaches(rule, prefix))
    found = (rule for rule in active if {"Days", "Date"} & (rule.get("Expiration") or {}).keys())
    return [str(rule.get("ID") or "without a name") for rule in found]


def _rule(kind: str, area: Area, prefix: str, **action: t.Any) -> Rule:
    return {"ID": rule_id(kind, area), "Status": "Enabled", "Filter": {"Prefix": prefix}, **action}


def _reaches(rule: Rule, root: str) -> bool:
    scope = rule.get("Filter") or {}
    if "Tag" in scope or "Tags" in (scope.get("And") or {}):
        return False  # our objects have no tags
    prefix = _prefix(rule)
    return prefix.startswith(root) or root.startswith(prefix)


def _prefix(rule: Rule) -> str:
    scope = rule.get("Filter") or {}
    return str(scope.get("Prefix") or (scope.get("And") or {}).get("Prefix") or rule.get("Prefix") or "")
