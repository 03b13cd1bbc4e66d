# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a channel has not heard yet: entries of the audit log, alarms that came or went, and a notice of the moment."""

from __future__ import annotations

import dataclasses
import typing as t

from . import notification
from .memory import NEVER, DeliveryState, Raised
from .notification import SEVERITIES, Notification

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..audit.log import Entry
    from .channels import Channel


@dataclasses.dataclass(frozen=True, slots=True)
class Alarm:
    """
    Something that is wrong, until it is reported no more.

    Its `name` is what it is known by. One name may stand for several things that are wrong, which it is `about`.
    `redacted` is the message without the names that it marks, empty when it marks none.
    """

    name: str
    message: str
    severity: str = "critical"
    remedy: str = ""
    about: tuple[str, ...] = ()
    redacted: str = ""

    def is_worse_than(self, before: Raised) -> bool:
        """Whether it is more severe than when it was told, or about something more."""
        severer = SEVERITIES.index(self.severity) > SEVERITIES.index(before.severity)
        return severer or not set(self.about) <= set(before.about)


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A message, and what the channel has been told once it arrived. Without a notice there is only that."""

    notice: Notification | None
    sequence: int = NEVER
    raised: tuple[str, Raised] | None = None
    cleared: str = ""

    def note(self, told: DeliveryState) -> None:
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

    `tables` are the names of the tables in backups, for channels that may get them.
    """

    entries: tuple[Entry, ...]
    last: int
    tables: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """
    What holds for all channels: the moment, since when a channel that begins gets events, how many events become one
    message, and after how many seconds an alarm that lasts is sent again.

    Alarms that are no more are over; with `over` only these, because nobody could look at the others. A notice of the
    caller's is left out with `unless_logged` where the audit log tells that something of its kind went wrong.
    """

    now: datetime.datetime
    since: datetime.datetime
    summarise_above: int
    remind_after: float
    over: tuple[str, ...] | None = None
    unless_logged: bool = False
    application: str = ""
    host: str = ""


def history(entries: Iterable[Entry], told: Iterable[DeliveryState], rules: Rules) -> History:
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
    told: DeliveryState,
    happened: History | None,
    alarms: Sequence[Alarm] | None,
    notice: Notification | None,
    *,
    rules: Rules,
) -> Pending:
    """
    Return the steps of a channel, which change `told`.

    `happened` and `alarms` are None when nobody looked.
    """
    cut = happened is not None and told.sequence > happened.last
    begins = happened is not None and (cut or told.sequence == NEVER)
    steps: list[Step] = []
    logged = False
    if happened is not None:
        if begins:
            recent = [entry.sequence for entry in happened.entries if entry.at >= rules.since]
            told.sequence = min(recent, default=happened.last + 1) - 1
        logged = rules.unless_logged and notice is not None and _tells_of(happened, told, notice)
        steps += _news(channel, told, happened, rules)
    if alarms is not None:
        steps += _alarms(channel, told, alarms, rules)
    if notice and not logged and notification.wanted(notice, channel.events, channel.minimum_severity):
        steps.append(Step(notice))
    if not channel.tables:
        steps = [
            dataclasses.replace(step, notice=notification.redact(step.notice)) if step.notice else step
            for step in steps
        ]
    warnings = (f"The audit log is shorter than what was sent to the channel {channel.name}: it was truncated.",)
    return Pending(tuple(steps), begins, warnings if cut else ())


def _tells_of(happened: History, told: DeliveryState, notice: Notification) -> bool:
    """Whether something that went wrong waits to be told, of the same kind of work as the notice."""
    waiting = (notification.from_entry(entry) for entry in happened.entries if entry.sequence > told.sequence)
    return any(news.kind.group == notice.kind.group and news.went_wrong for news in waiting if news)


def _news(channel: Channel, told: DeliveryState, happened: History, rules: Rules) -> Iterator[Step]:
    heard = [
        Step(dataclasses.replace(notice, tables=happened.tables.get(entry.backup_id, ())), entry.sequence)
        for entry in happened.entries
        if entry.sequence > told.sequence
        and (notice := notification.from_entry(entry))
        and notification.wanted(notice, channel.events, channel.minimum_severity)
    ]
    if len(heard) > rules.summarise_above:
        parts = [step.notice for step in heard if step.notice]
        yield Step(notification.summarised(parts), heard[-1].sequence)
    else:
        yield from heard
    yield Step(None, happened.last)


def _alarms(channel: Channel, told: DeliveryState, alarms: Sequence[Alarm], rules: Rules) -> Iterator[Step]:
    for alarm in alarms:
        before = told.alarms.get(alarm.name)
        recent = before is not None and (rules.now - before.at).total_seconds() < rules.remind_after
        if before and recent and not alarm.is_worse_than(before):
            # What of it has become better would be told if it became worse again.
            yield Step(None, raised=(alarm.name, Raised(before.at, alarm.severity, alarm.about)))
            continue
        raised = _notice("alarm_raised", alarm, rules)
        if notification.wanted(raised, channel.events, channel.minimum_severity):
            yield Step(raised, raised=(alarm.name, Raised(rules.now, alarm.severity, alarm.about)))
    gone = told.alarms.keys() - {alarm.name for alarm in alarms}
    for name in sorted(gone if rules.over is None else gone & set(rules.over)):
        over = _notice("alarm_cleared", Alarm(name, f"{name}: this is resolved.", SEVERITIES[0]), rules)
        # Who got an alarm gets its end, however unimportant that is.
        listens = notification.wanted(over, channel.events, SEVERITIES[0])
        yield Step(over if listens else None, cleared=name)


def _notice(event: str, alarm: Alarm, rules: Rules) -> Notification:
    return Notification(
        event=event,
        at=rules.now,
        severity=alarm.severity,
        application=rules.application,
        host=rules.host,
        message=alarm.message,
        redacted=alarm.redacted,
        remedy=alarm.remedy,
        facts={"alarm": alarm.name},
        identity=alarm.name,
    )
