# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Retention, as a pure function: which backups stay, which go, and why. No store, no clock, no random.

Rules keep; nothing is deleted but what no rule keeps. And whatever the rules say, a plan never deletes: the newest
restore-tested backup of a component, its newest, one of its newest `min_keep` that need no other, what is pinned, held
or in use, what one that stays needs, anything when the clock looks wrong, and more than the policy's share of a
component without force. Backups that claim a time that cannot be right fill no slot and are no cause of a deletion.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import typing as t

from ..repository import choosing
from ..repository.protection import KnownBackup
from .calendar import Age, periods

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .policy import Policy, Rules, Section

CLOCKS = datetime.timedelta(minutes=10)
"""How far clocks may be apart before one of them is wrong."""

FAILED_STAYS = datetime.timedelta(days=7)
"""How long a damaged backup stays to be looked into: what seems missing may come back."""

Action = t.Literal["keep", "delete", "retained"]
Reason = tuple[str, str]
"""Why a backup stays, for people, and the key of the policy that says it, empty where none does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """
    A backup as retention sees it. `parents` are ids of backups that a restore of it needs.

    `failed` is one whose files, or those of what it needs, are not all there; `unusable` one that needs what nobody can
    believe or find, and may again some day; `misdated` one whose own time the store's contradicts; `in_use` says
    who reads it.
    """

    component: str
    backup_id: str
    started: datetime.datetime
    finished: datetime.datetime
    scope: str = "full"
    kind: str = "logical"
    reason: str = "scheduled"
    size: int = 0
    parents: tuple[str, ...] = ()
    restore_tested: bool = False
    pinned: bool = False
    held: bool = False
    locked_until: datetime.datetime | None = None
    failed: bool = False
    unusable: bool = False
    misdated: bool = False
    in_use: str = ""

    @classmethod
    def of(cls, known: KnownBackup, **found: t.Any) -> Candidate:
        """Return the candidate that a backup is, with what was found beside: locks are asked for when it may go."""
        return cls(**{name: getattr(known, name) for name in _SHARED}, **found)


_SHARED = tuple(field.name for field in dataclasses.fields(Candidate) if hasattr(KnownBackup, field.name))


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a backup, why, and by which `rules`. `retained` is one that the store does not let go."""

    candidate: Candidate
    action: Action
    reasons: tuple[str, ...]
    rules: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing at all may be deleted; `kind` is `clock`, `listing` or `share`."""

    kind: str
    cause: str


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A decision on each backup, by component and age. With a refusal there is no deletion among them."""

    decisions: tuple[Decision, ...]
    refusals: tuple[Refusal, ...] = ()

    def of(self, action: Action) -> tuple[Decision, ...]:
        """Return the decisions of one kind."""
        return tuple(decision for decision in self.decisions if decision.action == action)


def plan(
    candidates: Iterable[Candidate],
    policy: Policy,
    now: datetime.datetime,
    *,
    force: bool = False,
    store_time: datetime.datetime | None = None,
    refused: Sequence[Refusal] = (),
) -> Plan:
    """
    Decide on every backup. `store_time` is what the store's clock shows at `now`, if that is known; `refused` is what
    speaks against deleting anything already.

    `force` lifts the limit on the share that goes at once, and nothing else.
    """
    ordered = sorted(candidates, key=lambda one: (one.component, choosing.age(one)))
    by_component: dict[str, list[Candidate]] = collections.defaultdict(list)
    for candidate in ordered:
        by_component[candidate.component].append(candidate)
    reasons: dict[Candidate, list[Reason]] = {candidate: [] for candidate in ordered}
    over: set[Candidate] = set()
    for component, group in by_component.items():
        _Component(group, policy, policy.section(component), now, reasons, over).judge()
    locked = {one for one in ordered if not reasons[one] and one.locked_until is not None and one.locked_until > now}
    _keep_parents(ordered, reasons, locked)
    refusals = [*_wrong_clock(ordered, now, store_time), *refused]
    if not force:
        gone = {one for one in ordered if not reasons[one] and one not in locked}
        refusals += _too_many(by_component, gone, policy.max_delete_share, now)
    return Plan(tuple(_decision(one, reasons[one], locked, over, refusals) for one in ordered), tuple(refusals))


@dataclasses.dataclass(frozen=True, slots=True)
class _Component:
    """The backups of one component, oldest first, and why each of them stays."""

    group: Sequence[Candidate]
    policy: Policy
    section: Section
    now: datetime.datetime
    reasons: dict[Candidate, list[Reason]]
    over: set[Candidate]

    def judge(self) -> None:
        streams: dict[tuple[str, Rules], list[Candidate]] = collections.defaultdict(list)
        by_reason = dict(self.section.by_reason)
        for one in self.group:
            if not self._apart(one):
                own = one.reason if one.reason in by_reason or choosing.is_emergency(one) else ""
                streams[own, by_reason.get(one.reason, self.section.rules)].append(one)
        for (_own, rules), stream in streams.items():
            self._apply(rules, stream)
        self._guard()

    def _apart(self, one: Candidate) -> bool:
        """Settle a backup that takes part in no rule; give whether it was one."""
        if one.pinned:
            self._note(one, "pinned")
        if one.held:
            self._note(one, "on hold")
        if one.in_use:
            self._note(one, f"in use: {one.in_use}")
        if strange := _strange(one, self.now):
            self._note(one, strange)
        elif one.failed:
            if one.finished > self.now - FAILED_STAYS:
                self._note(one, f"incomplete, kept {FAILED_STAYS.days} days for investigation")
        elif one.unusable:
            self._note(one, "needs a backup that cannot be used")
        elif not choosing.is_whole(one):
            if self._is_young(one, partial := self.section.keep_partial):
                self._note(one, f"partial, younger than {partial.text}", "keep_partial")
        else:
            return False
        return True

    def _apply(self, rules: Rules, stream: Sequence[Candidate]) -> None:
        """Let the rules say what they keep, then cut that to the newest `max_count`."""
        kept: dict[Candidate, list[Reason]] = {one: [] for one in stream}
        for one, reason in self._ruled(rules, stream):
            kept[one].append(reason)
        if rules.max_count is not None:
            if rules.only_limits:
                kept = {one: [(f"one of the newest {rules.max_count}", "max_count")] for one in stream}
            ruled = [one for one in stream if kept[one]]
            counted = _counted(ruled)
            for one in ruled[: ruled.index(counted[-rules.max_count]) if len(counted) > rules.max_count else 0]:
                kept[one] = []
                self.over.add(one)
        for one, why in kept.items():
            self.reasons[one] += why

    def _ruled(self, rules: Rules, stream: Sequence[Candidate]) -> Iterable[tuple[Candidate, Reason]]:
        if (age := rules.keep_within) is not None:
            why = (f"younger than {age.text}", "keep_within")
            yield from ((one, why) for one in stream if self._is_young(one, age))
        if rules.keep_last:
            why = (f"one of the newest {rules.keep_last}", "keep_last")
            yield from ((one, why) for one in stream[-rules.keep_last :])
        if not rules.slots:
            return
        # By their ends, so that one that takes long comes late and takes no slot that another one holds.
        named = [(one, periods(one.finished, self.policy.zone)) for one in sorted(stream, key=_end)]
        for slot, span in rules.slots:
            chosen = _chosen((one, names[slot]) for one, names in named)
            for name, one in self._within(chosen, span):
                yield one, (f"{slot} {name}", slot)

    def _within(self, chosen: dict[str, Candidate], span: int | Age) -> list[tuple[str, Candidate]]:
        """Return the newest so many periods, or those whose backup is young enough."""
        if isinstance(span, int):
            return sorted(chosen.items(), key=lambda item: _end(item[1]))[-span:]
        return [(name, one) for name, one in chosen.items() if self._is_young(one, span)]

    def _is_young(self, one: Candidate, age: Age) -> bool:
        cutoff = age.before(self.now, self.policy.zone)
        return cutoff is None or one.finished >= cutoff

    def _guard(self) -> None:
        """Keep what no rule may cost: the newest restore-tested backup and the newest few."""
        sound = [one for one in self.group if not (one.failed or one.unusable or _strange(one, self.now))]
        # A part, or what a restore was about to replace, is no stand-in for a full backup, but better than nothing.
        latest = [one for one in sound if choosing.is_latest(one)] or sound
        few = _counted(latest)[-self.policy.min_keep :]
        for one in few:
            self._note(one, f"one of the newest {self.policy.min_keep} (min_keep)")
        if latest and latest[-1] not in few:
            self._note(latest[-1], "newest")
        tested = [one for one in sound if one.restore_tested]
        if tested:
            self._note(choosing.newest(tested) or tested[-1], "newest restore-tested")

    def _note(self, one: Candidate, reason: str, rule: str = "") -> None:
        self.reasons[one].append((reason, rule))


def _counted(backups: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return those that count where so many stay: an incremental backup is none of its own, unless all are."""
    return [one for one in backups if not one.parents] or backups


def _chosen(named: Iterable[tuple[Candidate, str]]) -> dict[str, Candidate]:
    """
    Return the backup that stands for each period: the first restore-tested one, or the first.

    The first stays the first, so that what a slot holds today it holds tomorrow.
    """
    chosen: dict[str, Candidate] = {}
    for one, name in named:
        if name not in chosen or (one.restore_tested and not chosen[name].restore_tested):
            chosen[name] = one
    return chosen


def _end(one: Candidate) -> tuple[datetime.datetime, str]:
    return one.finished, one.backup_id


def _strange(one: Candidate, now: datetime.datetime) -> str:
    """Say why a backup's time cannot be right, or nothing."""
    if max(one.started, one.finished) > now + CLOCKS:
        return "claims a time in the future"
    return "claims a time that the store contradicts" if one.misdated else ""


def _keep_parents(ordered: Sequence[Candidate], reasons: dict[Candidate, list[Reason]], locked: set[Candidate]) -> None:
    """Keep what stays needs, and what that needs: also for what stays only because the store holds on to it."""
    known: dict[str, list[Candidate]] = collections.defaultdict(list)
    for one in ordered:
        known[one.backup_id].append(one)
    waiting = [one for one in ordered if reasons[one] or one in locked]
    while waiting:
        child = waiting.pop()
        for parent in (parent for identity in child.parents for parent in known.get(identity, ())):
            if not reasons[parent] and parent is not child:
                waiting.append(parent)
                reasons[parent].append((f"needed by {child.backup_id}", ""))


def _wrong_clock(
    ordered: Sequence[Candidate], now: datetime.datetime, store_time: datetime.datetime | None
) -> Iterable[Refusal]:
    if store_time is not None and abs(store_time - now) > CLOCKS:
        ours, theirs = f"{now:%Y-%m-%d %H:%M:%S}", f"{store_time:%Y-%m-%d %H:%M:%S}"
        yield Refusal("clock", f"This host's clock says {ours} UTC, the store's {theirs} UTC.")
    future = sum(max(one.started, one.finished) > now + CLOCKS for one in ordered)
    if future * 2 > len(ordered):
        yield Refusal("clock", f"{future} of {len(ordered)} backups are in the future of this host's clock.")


def _too_many(
    by_component: dict[str, list[Candidate]], gone: set[Candidate], share: int, now: datetime.datetime
) -> Iterable[Refusal]:
    for component, group in by_component.items():
        counted = [one for one in group if not _strange(one, now)]
        deleted = sum(one in gone for one in counted)
        # Rounded up, so that of three backups one may go.
        if deleted > -(-len(counted) * share // 100):
            part = f"{deleted} of the {len(counted)} backups of {component}"
            yield Refusal("share", f"The policy would delete {part}, more than {share} percent.")


def _decision(
    one: Candidate, reasons: Sequence[Reason], locked: set[Candidate], over: set[Candidate], refusals: Sequence[Refusal]
) -> Decision:
    if reasons:
        return Decision(one, "keep", *zip(*reasons, strict=True))
    why = "beyond max_count" if one in over else "incomplete" if one.failed else "no rule keeps it"
    if one in locked and one.locked_until is not None:
        return Decision(one, "retained", (why, f"locked until {one.locked_until:%Y-%m-%d %H:%M} UTC"))
    if refusals:
        return Decision(one, "keep", (why, f"nothing is deleted: {refusals[0].kind}"))
    return Decision(one, "delete", (why,))
