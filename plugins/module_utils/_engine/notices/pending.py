# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a channel has not heard yet: entries of the audit log, alarms that came or went, and a notice of the moment.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from . import notices
from .memory import NEVER, Told
from .notices import Notice

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..audit.log import Entry
    from .channels import Channel


@dataclasses.dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is wrong now and stays so until it is told no more. Its `name` is what it is known by."""

    name: str
    message: str
    severity: str = "critical"
    remedy: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A message, and what the channel has been told once it arrived. Without a notice there is only that."""

    notice: Notice | None
    sequence: int = NEVER
    raised: tuple[str, str] | None = None
    cleared: str = ""

    def note(self, told: Told) -> None:
        """Write down that this step is done."""
        told.sequence = max(told.sequence, self.sequence)
        if self.raised:
            told.alarms[self.raised[0]] = self.raised[1]
        told.alarms.pop(self.cleared, None)


@dataclasses.dataclass(frozen=True, slots=True)
class Pending:
    """The steps of one channel, oldest news first. `begins` says that it was never told anything."""

    steps: tuple[Step, ...]
    begins: bool
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """
    What of the audit log somebody has not heard, oldest first, and the number of its last entry.

    `tables` are the names of the tables in backups, for channels that are told of them.
    """

    entries: tuple[Entry, ...]
    last: int
    tables: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """
    What holds for all channels: the moment, from when on a channel that begins is told, how many events become one
    message, and after how many seconds an alarm that lasts is told again.
    """

    now: datetime.datetime
    since: datetime.datetime
    summarise_above: int
    remind_after: float
    application: str = ""
    host: str = ""


def history(entries: Iterable[Entry], told: Iterable[Told], rules: Rules) -> History:
    """Choose what at least one of these channels, or one that begins, has not heard."""
    floor = min((each.sequence for each in told if each.sequence != NEVER), default=None)
    chosen: list[Entry] = []
    last = 0
    for entry in entries:
        last = entry.sequence
        if entry.at >= rules.since or (floor is not None and entry.sequence > floor):
            chosen.append(entry)
    return History(tuple(chosen), last)


def pending(
    channel: Channel,
    told: Told,
    happened: History | None,
    alarms: Sequence[Alarm] | None,
    notice: Notice | None,
    *,
    rules: Rules,
) -> Pending:
    """Give the steps of a channel. `happened` and `alarms` are None when nobody looked; `told` is changed by steps."""
    cut = happened is not None and told.sequence > happened.last
    begins = happened is not None and (cut or told.sequence == NEVER)
    steps: list[Step] = []
    if happened is not None:
        if begins:
            recent = [entry.sequence for entry in happened.entries if entry.at >= rules.since]
            told.sequence = min(recent, default=happened.last + 1) - 1
        steps += _news(channel, told, happened, rules)
    if alarms is not None:
        steps += _alarms(channel, told, alarms, rules)
    if notice and notices.wanted(notice, channel.events, channel.minimum_severity):
        steps.append(Step(notice))
    if not channel.tables:
        steps = [
            dataclasses.replace(step, notice=notices.discreet(step.notice)) if step.notice else step for step in steps
        ]
    warnings = (f"The audit log is shorter than what the channel {channel.name} was told of: it was cut.",)
    return Pending(tuple(steps), begins, warnings if cut else ())


def _news(channel: Channel, told: Told, happened: History, rules: Rules) -> Iterator[Step]:
    heard = [
        Step(dataclasses.replace(notice, tables=happened.tables.get(entry.backup_id, ())), entry.sequence)
        for entry in happened.entries
        if entry.sequence > told.sequence
        and (notice := notices.from_entry(entry))
        and notices.wanted(notice, channel.events, channel.minimum_severity)
    ]
    if len(heard) > rules.summarise_above:
        parts = [step.notice for step in heard if step.notice]
        yield Step(notices.summarised(parts, rules.now), heard[-1].sequence)
    else:
        yield from heard
    yield Step(None, happened.last)


def _alarms(channel: Channel, told: Told, alarms: Sequence[Alarm], rules: Rules) -> Iterator[Step]:
    at = rules.now.isoformat(timespec="seconds")
    for alarm in alarms:
        before = told.alarms.get(alarm.name)
        if before and (rules.now - datetime.datetime.fromisoformat(before)).total_seconds() < rules.remind_after:
            continue
        raised = _notice("alarm_raised", alarm, rules)
        if notices.wanted(raised, channel.events, channel.minimum_severity):
            yield Step(raised, raised=(alarm.name, at))
    for name in sorted(told.alarms.keys() - {alarm.name for alarm in alarms}):
        over = _notice("alarm_cleared", Alarm(name, f"{name}: this is no longer so.", notices.SEVERITIES[0]), rules)
        # Who was told of an alarm is told of its end, however unimportant that is.
        listens = notices.wanted(over, channel.events, notices.SEVERITIES[0])
        yield Step(over if listens else None, cleared=name)


def _notice(event: str, alarm: Alarm, rules: Rules) -> Notice:
    return Notice(
        event=event,
        at=rules.now,
        severity=alarm.severity,
        application=rules.application,
        host=rules.host,
        message=alarm.message,
        remedy=alarm.remedy,
        facts={"alarm": alarm.name},
        identity=alarm.name,
    )
