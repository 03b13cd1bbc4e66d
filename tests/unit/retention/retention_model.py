# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What retention must decide, written a second time: slow, plain, and without a line of the planner's.

Every backup is asked each question by itself, against all others. Periods are counted from seconds and offsets.
"""

from __future__ import annotations

import functools
import typing as t
from datetime import UTC, datetime, timedelta

if t.TYPE_CHECKING:
    from datetime import tzinfo

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.calendar import Age
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.planner import Candidate
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.policy import (
        Policy,
        Rules,
    )

DAY = 86400


def deleted(backups: list[Candidate], policy: Policy, now: datetime) -> set[Candidate]:
    """Return the backups that go when nothing is refused."""
    kept = {one for one in backups if any(question(one, backups, policy, now) for question in QUESTIONS)}
    locked = {one for one in backups if one not in kept and one.locked_until is not None and one.locked_until > now}
    while True:  # what stays needs its parents, and they theirs
        needed = {identity for one in kept | locked for identity in one.parents if identity != one.backup_id}
        more = {one for one in backups if one.backup_id in needed} - kept
        if not more:
            return set(backups) - kept - locked
        kept |= more
        locked -= more


def refused(backups: list[Candidate], gone: set[Candidate], policy: Policy, now: datetime) -> bool:
    """Whether the clock looks wrong, or too many of a component go."""
    if sum(strange_in_time(one, now) for one in backups) * 2 > len(backups):
        return True
    for component in {one.component for one in backups}:
        here = [one for one in backups if one.component == component and not strange(one, now)]
        going = [one for one in here if one in gone]
        if len(going) > 1 and (len(going) - 1) * 100 >= policy.max_delete_share * len(here):
            return True
    return False


def strange_in_time(one: Candidate, now: datetime) -> bool:
    return max((at - now).total_seconds() for at in (one.started, one.finished)) > 600


def strange(one: Candidate, now: datetime) -> bool:
    return one.misdated or strange_in_time(one, now)


def is_protected(one: Candidate, backups: list[Candidate], policy: Policy, now: datetime) -> bool:
    return one.pinned or one.held or strange(one, now)


def fails_lately(one: Candidate, backups: list[Candidate], policy: Policy, now: datetime) -> bool:
    return one.failed and (now - one.finished).total_seconds() < 7 * DAY


def is_partial_and_young(one: Candidate, backups: list[Candidate], policy: Policy, now: datetime) -> bool:
    young = is_young(one, policy.section(one.component).keep_partial, policy, now)
    return one.scope == "partial" and not one.failed and young


def is_ruled(one: Candidate, backups: list[Candidate], policy: Policy, now: datetime) -> bool:
    """Whether the rules for its reason keep it among its like."""
    if not takes_slots(one, now):
        return False
    group, rules = group_and_rules(one, policy)
    like = [other for other in backups if takes_slots(other, now) and group_and_rules(other, policy) == (group, rules)]
    if not rules_keep(one, like, rules, policy, now):
        return False
    newer = [other for other in like if is_newer(other, one)]
    limit = rules.max_count
    return limit is None or sum(rules_keep(other, like, rules, policy, now) for other in newer) < limit


def rules_keep(one: Candidate, like: list[Candidate], rules: Rules, policy: Policy, now: datetime) -> bool:
    if not rules.slots and not rules.keep_last and rules.keep_within is None:
        return True
    if rules.keep_within is not None and is_young(one, rules.keep_within, policy, now):
        return True
    if rank(one, like) < rules.keep_last:
        return True
    return any(
        is_head(one, like, slot, policy) and span_holds(one, like, slot, span, policy, now)
        for slot, span in rules.slots
    )


def span_holds(
    one: Candidate, like: list[Candidate], slot: str, span: int | Age, policy: Policy, now: datetime
) -> bool:
    if isinstance(span, int):  # by the backups that stand for their periods, not by the calendar: gaps cost nothing
        heads = [other for other in like if is_head(other, like, slot, policy)]
        return sum((head.finished, head.backup_id) > (one.finished, one.backup_id) for head in heads) < span
    return is_young(one, span, policy, now)


def is_head(one: Candidate, like: list[Candidate], slot: str, policy: Policy) -> bool:
    """Whether it stands for its period: no other there is restore-tested where it is not, or as good and older."""
    mine = period(one.finished, slot, policy.zone)
    return not any(
        period(other.finished, slot, policy.zone) == mine
        and (not other.restore_tested, other.finished, other.backup_id)
        < (not one.restore_tested, one.finished, one.backup_id)
        for other in like
    )


def is_newest(one: Candidate, backups: list[Candidate], policy: Policy, now: datetime) -> bool:
    counted = countable(one.component, backups, now)
    return one in counted and rank(one, counted) < policy.min_keep


def is_newest_restore_tested(one: Candidate, backups: list[Candidate], policy: Policy, now: datetime) -> bool:
    counted = [other for other in countable(one.component, backups, now) if other.restore_tested]
    counted = counted or [other for other in sound(one.component, backups, now) if other.restore_tested]
    return one in counted and rank(one, counted) == 0


def countable(component: str, backups: list[Candidate], now: datetime) -> list[Candidate]:
    here = sound(component, backups, now)
    return [one for one in here if one.scope == "full" and one.reason != "emergency"] or here


def sound(component: str, backups: list[Candidate], now: datetime) -> list[Candidate]:
    return [one for one in backups if one.component == component and not one.failed and not strange(one, now)]


def takes_slots(one: Candidate, now: datetime) -> bool:
    return one.scope == "full" and not one.failed and not strange(one, now)


def group_and_rules(one: Candidate, policy: Policy) -> tuple[tuple[str, str], Rules]:
    section = policy.section(one.component)
    by_reason = dict(section.by_reason)
    own = one.reason if one.reason in by_reason or one.reason == "emergency" else "all"
    return (one.component, own), by_reason.get(one.reason, section.rules)


def rank(one: Candidate, among: list[Candidate]) -> int:
    """How many are newer."""
    return sum(is_newer(other, one) for other in among)


def is_newer(this: Candidate, than: Candidate) -> bool:
    return (this.started, this.backup_id) > (than.started, than.backup_id)


def is_young(one: Candidate, age: Age, policy: Policy, now: datetime) -> bool:
    if age.hours:
        return (now - one.finished).total_seconds() <= age.hours * 3600
    if not age.months:
        return True
    local = now.astimezone(policy.zone)
    index = local.year * 12 + local.month - 1 - age.months
    day = local.day
    while True:  # a day that the month lacks is its last
        try:
            limit = local.replace(year=index // 12, month=index % 12 + 1, day=day)
        except ValueError:
            day -= 1
        else:
            return one.finished >= limit.astimezone(UTC)


@functools.lru_cache(maxsize=100_000)
def period(at: datetime, slot: str, zone: tzinfo) -> tuple[int, ...]:
    offset = t.cast("timedelta", at.astimezone(zone).utcoffset())
    shifted = at.replace(tzinfo=None) + offset - datetime(1970, 1, 1)
    hours = shifted // timedelta(hours=1)
    if slot == "hourly":
        return hours, int(offset.total_seconds())
    day = datetime(1970, 1, 1) + timedelta(days=hours // 24)
    weeks = (hours // 24 + 3) // 7  # the first of January 1970 was a Thursday
    return {"daily": (hours // 24,), "weekly": (weeks,), "monthly": (day.year, day.month), "yearly": (day.year,)}[slot]


QUESTIONS = (is_protected, fails_lately, is_partial_and_young, is_ruled, is_newest, is_newest_restore_tested)
