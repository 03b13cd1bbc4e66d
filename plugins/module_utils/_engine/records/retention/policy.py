# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A retention policy: read from what people write, refused when it cannot be meant, and named for common cases.

Rules say what to keep. What no rule can undo (the newest restore-tested backup, min_keep, pins) is in planner.py.
"""

from __future__ import annotations

import dataclasses
import datetime
import fnmatch
import typing as t

from ...ground.errors import UsageError
from ...ground.units import parse_zone
from ...ground.verbs import REASONS
from .calendar import SLOTS, Age, parse_age

if t.TYPE_CHECKING:
    from collections.abc import Mapping

PRESETS: dict[str, dict[str, t.Any]] = {
    "thirty_days": {"keep_within": "30d"},
    "thirty_days_hundred": {"keep_within": "30d", "max_count": 100},
    "days_months_years": {"keep_within": "30d", "monthly": "12mo", "yearly": "forever"},
    "hours_days_weeks_months": {"hourly": "7d", "daily": "30d", "weekly": "90d", "monthly": "1y"},
    "days_weeks": {"daily": "30d", "weekly": "90d"},
}

MIN_KEEP = 3
"""How many of the newest full backups of a component stay, where a policy does not say."""

MAX_DELETE_SHARE = 30
"""The most percent of a component's backups that one run may delete without force, where a policy does not say."""

KEEP_PARTIAL = "30d"
"""How long partial backups stay, where a policy does not say."""

_RULES = (*SLOTS, "keep_last", "keep_within", "max_count")
_SECTION = (*_RULES, "by_reason", "keep_partial", "preset")
_POLICY = (*_SECTION, "by_component", "min_keep", "zone", "max_delete_share")


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """What to keep: slots by count or age, the newest `keep_last`, all that is young; of these at most `max_count`."""

    slots: tuple[tuple[str, int | Age], ...] = ()
    keep_last: int = 0
    keep_within: Age | None = None
    max_count: int | None = None

    @property
    def only_limits(self) -> bool:
        """Whether nothing but a limit is said: then everything is kept, up to it."""
        return not self.slots and not self.keep_last and self.keep_within is None


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """The rules of some components: those for all reasons, and those for single ones."""

    rules: Rules
    by_reason: tuple[tuple[str, Rules], ...]
    keep_partial: Age


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """All that retention is asked for. `by_component` holds patterns; the first that fits decides, else `main` does."""

    main: Section
    by_component: tuple[tuple[str, Section], ...] = ()
    min_keep: int = MIN_KEEP
    max_delete_share: int = MAX_DELETE_SHARE
    zone: datetime.tzinfo = datetime.UTC

    def section(self, component: str) -> Section:
        """Return the rules for a component."""
        for pattern, section in self.by_component:
            if fnmatch.fnmatchcase(component, pattern):
                return section
        return self.main


def parse(options: Mapping[str, t.Any], field: str = "policy") -> Policy:
    """
    Read a policy. Keys without a value count as absent.

    Raise UsageError that names the key: on unknown keys and units, on a policy that says nothing to keep, and on limits
    that contradict each other.
    """
    given = _taken(options, _POLICY, field)
    main = _section({key: given[key] for key in _SECTION if key in given}, field, None)
    patterns = _mapping(given.get("by_component", {}), f"{field}.by_component")
    by_component = tuple(
        (pattern, _section(_taken(parts, _SECTION, at), at, main))
        for pattern, parts in patterns.items()
        for at in [f"{field}.by_component.{pattern}"]
    )
    sections = [main, *(section for _pattern, section in by_component)]
    limits = [rules.max_count for section in sections for rules in [section.rules] if rules.max_count is not None]
    min_keep = _number(given["min_keep"], f"{field}.min_keep", 1) if "min_keep" in given else MIN_KEEP
    if limits and min(limits) < min_keep:
        if "min_keep" in given:
            raise _contradiction(f"{field}.max_count", min(limits), "min_keep", min_keep)
        min_keep = min(limits)
    share = _number(given.get("max_delete_share", MAX_DELETE_SHARE), f"{field}.max_delete_share", 1, 100)
    zone = parse_zone(given.get("zone", "UTC"), f"{field}.zone")
    return Policy(main, by_component, min_keep, share, zone)


def _section(given: Mapping[str, t.Any], field: str, main: Section | None) -> Section:
    """Read the rules of some components; what is not said about reasons and partial backups is as in `main`."""
    given = _with_preset(given, field)
    by_reason: list[tuple[str, Rules]] = []
    for reason, parts in _mapping(given.get("by_reason", {}), f"{field}.by_reason").items():
        at = f"{field}.by_reason.{reason}"
        if reason not in REASONS:
            raise UsageError(f"{field}.by_reason: {reason!r} is not a reason.", f"Use {', '.join(REASONS)}.", field=at)
        by_reason.append((reason, _rules(_with_preset(_taken(parts, (*_RULES, "preset"), at), at), at)))
    partial = given.get("keep_partial")
    inherited = main.keep_partial if main else parse_age(KEEP_PARTIAL, field)
    return Section(
        rules=_rules(given, field),
        by_reason=tuple(by_reason) if "by_reason" in given or main is None else main.by_reason,
        keep_partial=inherited if partial is None else parse_age(partial, f"{field}.keep_partial"),
    )


def _with_preset(given: Mapping[str, t.Any], field: str) -> dict[str, t.Any]:
    """Put the keys of the named preset below those that are given."""
    name = given.get("preset")
    if name is None:
        return dict(given)
    if not isinstance(name, str) or name not in PRESETS:
        raise UsageError(
            f"{field}.preset: {name!r} is not a preset.",
            f"Use one of {', '.join(PRESETS)}.",
            field=f"{field}.preset",
        )
    return {**PRESETS[name], **given}


def _rules(given: Mapping[str, t.Any], field: str) -> Rules:
    slots = [(slot, _count_or_age(given[slot], f"{field}.{slot}")) for slot in SLOTS if slot in given]
    within = given.get("keep_within")
    rules = Rules(
        slots=tuple((slot, span) for slot, span in slots if span != 0),
        keep_last=_number(given.get("keep_last", 0), f"{field}.keep_last", 0),
        keep_within=None if within is None else parse_age(within, f"{field}.keep_within"),
        max_count=_number(given["max_count"], f"{field}.max_count", 1) if "max_count" in given else None,
    )
    if rules.only_limits and rules.max_count is None:
        raise UsageError(
            f"{field} keeps nothing.", f"Set at least one of {', '.join(_RULES)}, or a preset.", field=field
        )
    if rules.max_count is not None:
        promised = {slot: span for slot, span in rules.slots if isinstance(span, int)} | {"keep_last": rules.keep_last}
        for name, count in promised.items():
            if count > rules.max_count:
                raise _contradiction(f"{field}.max_count", rules.max_count, name, count)
    return rules


def _count_or_age(value: object, field: str) -> int | Age:
    if isinstance(value, str) and not value.strip().isdecimal():
        return parse_age(value, field)
    return _number(value, field, 0)


def _number(value: object, field: str, least: int, most: int = 1_000_000) -> int:
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if isinstance(number, int) and not isinstance(number, bool) and least <= number <= most:
        return number
    raise UsageError(f"{field} cannot be {value!r}.", f"Use a whole number from {least} to {most}.", field=field)


def _taken(options: object, known: tuple[str, ...], field: str) -> dict[str, t.Any]:
    """Return the options that have a value. Raise UsageError on one that is not known."""
    given = _mapping(options, field)
    for key in given:
        if key not in known:
            raise UsageError(f"{field} has no key {key!r}.", f"Use {', '.join(known)}.", field=f"{field}.{key}")
    return given


def _mapping(value: object, field: str) -> dict[str, t.Any]:
    if not hasattr(value, "items"):
        raise UsageError(f"{field} is not a dictionary.", "Use keys with values.", field=field)
    return {str(key): item for key, item in value.items() if item is not None}


def _contradiction(field: str, limit: int, name: str, count: int) -> UsageError:
    return UsageError(f"{field} is {limit}, but {name} is {count}.", f"Raise {field}, or lower {name}.", field=field)
