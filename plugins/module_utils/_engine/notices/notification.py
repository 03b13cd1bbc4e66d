# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: tell people and machines what happened on this host since they were told last, and what is happening now.

A receiver that fails is reported and tried again next time; it never makes the work fail that it should have heard of.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ..anomalies.statistics import Statistics
from ..audit import log as audit
from ..channels import webhook
from ..channels.address import Undelivered, read_address
from ..errors import Busy, MissingLibrary, StoreError, UsageError
from ..model import Outcome
from . import notices
from . import text as notice_text
from .channels import FORMATS, Channel
from .delivery import Patience, deliver, persist
from .memory import Memory, Told
from .pending import Alarm, History, Pending, Rules, history, pending

if t.TYPE_CHECKING:
    from ..channels.address import Address
    from ..model import World
    from .notices import Notice

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)

RECENT = datetime.timedelta(days=1)
"""How old the failure may be that a ping tells of."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ping:
    """
    A dead man's switch of the job `name`: `signal` is start, success or fail.

    Without a message, a failure says what failed last.
    """

    signal: str
    name: str = "job"
    url: str | None = dataclasses.field(default=None, repr=False)
    url_file: str | None = None
    message: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class NotifyRequest:
    """
    Who is told what: with `history` what the audit log holds since each channel was told last; the state of `alarms`,
    None when nobody looked; and one `notice` of the caller's.

    A channel that was never told anything begins `lookback` seconds ago. More than `summarise_above` events become
    one message. An alarm that lasts is told again after `remind_after` seconds.
    """

    channels: tuple[Channel, ...] = ()
    application: str | None = None
    history: bool = True
    notice: Notice | None = None
    alarms: tuple[Alarm, ...] | None = None
    ping: Ping | None = None
    patience: Patience = dataclasses.field(default_factory=Patience)
    lookback: float = 900.0
    summarise_above: int = 5
    remind_after: float = 86400.0
    ca_cert: str | None = None
    state_dir: str | None = "/var/lib/lifeboat"
    host: str = ""
    user: str = ""


def notify(request: NotifyRequest, world: World) -> Outcome:
    """Send. Raise UsageError for options that can never work; whatever goes wrong on the way is in the outcome."""
    _check(request)
    work = _Work(request, world)
    if request.ping:
        work.ping(request.ping)
    memory = Memory(request.state_dir)
    try:
        with memory.held(world.sleep, dry_run=world.dry_run):
            work.tell(memory)
    except (Busy, StoreError) as exc:
        work.warnings.append(f"What happened before is not told now. {exc}")
        work.tell(None)
    work.remember()
    return work.outcome()


class _Work:
    """What one run sends, and what becomes of it."""

    def __init__(self, request: NotifyRequest, world: World) -> None:
        self._request = request
        self._world = world
        self.sent: list[dict[str, str]] = []
        self.failed: list[dict[str, str]] = []
        self.pinged: dict[str, str] | None = None
        self.begun: list[str] = []
        self.warnings: list[str] = []

    def ping(self, ping: Ping) -> None:
        """Tell the dead man's switch."""
        self.pinged = {"signal": ping.signal, "target": "", "error": ""}
        try:
            address = read_address(ping.url, ping.url_file, "ping")
            self.pinged["target"] = address.shown
            if not address.web:
                raise UsageError("The ping's URL is no web address.", "Give an https URL.", field="ping")
            if not self._world.dry_run:
                self._ping(address, ping)
        except (Undelivered, UsageError, StoreError) as exc:
            self.pinged["error"] = str(exc)
            self.warnings.append(f"The ping did not arrive. {exc}")

    def _ping(self, address: Address, ping: Ping) -> None:
        trust, patience = webhook.Trust(self._request.ca_cert), self._request.patience
        message = ping.message or (self._last_failure() if ping.signal == "fail" else "")

        def work() -> None:
            webhook.ping(address, ping.signal, message, trust=trust, timeout=patience.timeout)

        persist(work, address, patience, self._world, ca_cert=self._request.ca_cert)

    def _last_failure(self) -> str:
        since = self._world.now() - RECENT
        log = audit.AuditLog(self._request.state_dir)
        found = filter(None, map(notices.from_entry, log.entries(since=since, application=self._request.application)))
        failures = [notices.discreet(notice) for notice in found if notice.urgent]
        return notice_text.text(failures[-1]) if failures else ""

    def tell(self, memory: Memory | None) -> None:
        """Tell each channel what it has not heard; without a memory, only the notice of the caller."""
        request, now = self._request, self._world.now()
        rules = Rules(
            now=now,
            since=now - datetime.timedelta(seconds=request.lookback),
            summarise_above=request.summarise_above,
            remind_after=request.remind_after,
            application=request.application or "",
            host=request.host,
        )
        if memory and memory.damaged:
            self.warnings.append(f"{memory.path} could not be understood: notifications begin anew.")
        if memory and memory.path is None and request.state_dir:
            self.warnings.append(f"{request.state_dir} is no directory: what happened on this host is not known.")
        remembers = memory is not None and memory.path is not None
        told = [self._told(memory, channel) for channel in request.channels]
        happened = None
        if request.history and remembers:
            log = audit.AuditLog(request.state_dir)
            happened = history(log.entries(application=request.application or None), told, rules)
            happened = dataclasses.replace(happened, tables=self._tables(happened))
        for channel, known in zip(request.channels, told, strict=True):
            alarms = request.alarms if remembers else None
            waiting = pending(channel, known, happened, alarms, request.notice, rules=rules)
            self.warnings += waiting.warnings
            if waiting.begins:
                self.begun.append(channel.name)
            self._send(channel, known, waiting, memory)

    def _tables(self, happened: History) -> dict[str, tuple[str, ...]]:
        """Give the names of the tables in the backups of these entries, if a channel is told of them."""
        if not any(channel.tables for channel in self._request.channels):
            return {}
        applications = {entry.application for entry in happened.entries if entry.backup_id}
        known = Statistics(self._request.state_dir)
        return {
            figures.backup_id: tuple(sorted(figures.tables))
            for application in sorted(applications)
            for figures in known.of(application)
        }

    def _told(self, memory: Memory | None, channel: Channel) -> Told:
        """Give what a channel was told. Two applications of one host may each have a channel of that name."""
        if memory is None:
            return Told()
        application = self._request.application
        return memory.channels.setdefault(f"{application}/{channel.name}" if application else channel.name, Told())

    def _send(self, channel: Channel, told: Told, waiting: Pending, memory: Memory | None) -> None:
        """Send to one channel until a message does not arrive; note each one that does."""
        target = ""
        try:
            address = channel.address()
            target = address.shown
            for step in waiting.steps:
                if step.notice and not self._world.dry_run:
                    deliver(channel, address, step.notice, self._request.patience, self._world)
                if step.notice:
                    self._report(channel, target, step.notice)
                step.note(told)
                if step.notice:
                    self._note(memory)
        except (Undelivered, UsageError, MissingLibrary) as exc:
            self.failed.append({"name": channel.name, "target": target, "error": str(exc)})
            self.warnings.append(f"The channel {channel.name} was not told. {exc}")
        self._note(memory)

    def _report(self, channel: Channel, target: str, notice: Notice) -> None:
        entry = {"channel": channel.name, "target": target, "event": notice.event}
        entry["subject"] = notice_text.subject(notice)
        if self._world.dry_run:
            entry["message"] = notice_text.text(notice)
        self.sent.append(entry)

    def _note(self, memory: Memory | None) -> None:
        if memory is None or self._world.dry_run:
            return
        try:
            memory.note()
        except StoreError as exc:
            self.warnings.append(f"What was told is not remembered and will be told again. {exc}")

    def remember(self) -> None:
        """Write into the audit log what was sent and what was not, if anything was."""
        request, world = self._request, self._world
        failed = [item["name"] for item in self.failed]
        if self.pinged and self.pinged["error"]:
            failed.append("ping")
        if world.dry_run or not (self.sent or failed):
            return
        event = audit.Event(
            time=world.now(),
            operation="notification",
            result="failed" if failed else "ok",
            host=request.host,
            user=request.user,
            application=request.application or "",
            message=self._summary(),
            facts={"sent": len(self.sent), "failed": len(failed), "changed": bool(self.sent)},
        )
        try:
            audit.AuditLog(request.state_dir).append(event, sleep=world.sleep)
        except (Busy, StoreError) as exc:
            self.warnings.append(f"The audit log lacks what this run sent. {exc}")

    def _summary(self) -> str:
        channels = _number(len({item["channel"] for item in self.sent}), "channel")
        verb = "would be sent" if self._world.dry_run else "sent"
        said = f"{_number(len(self.sent), 'message')} {verb} to {channels}."
        return " ".join([said, *(f"{item['name']}: {item['error']}" for item in self.failed)])

    def outcome(self) -> Outcome:
        dry = self._world.dry_run
        facts = {
            "sent": [] if dry else self.sent,
            "would_send": self.sent if dry else [],
            "failed_channels": self.failed,
            "ping": self.pinged,
            "begun": self.begun,
            "summary": self._summary(),
        }
        after = "".join(f"{item['channel']}: {item['subject']}\n" for item in self.sent)
        changed = bool(self.sent) or bool(self.pinged and not self.pinged["error"])
        return Outcome(changed, facts, after=after, warnings=tuple(self.warnings))


def _check(request: NotifyRequest) -> None:
    names = [channel.name for channel in request.channels]
    for name in names:
        if not NAME.fullmatch(name) or names.count(name) > 1:
            raise UsageError(
                f"The name of the channel {name!r} is not usable, or two have it.",
                "Give each its own, of letters, digits, dots, underscores and hyphens.",
                field="channels.name",
            )
    for channel in request.channels:
        notices.check_patterns(channel.events, f"channels.{channel.name}.events")
        if channel.format not in FORMATS or channel.minimum_severity not in notices.SEVERITIES:
            raise UsageError(
                f"The channel {channel.name} has an unknown format or severity.",
                f"Give one of {', '.join(FORMATS)}, and one of {', '.join(notices.SEVERITIES)}.",
                field="channels",
            )
    if request.ping and (request.ping.signal not in webhook.SIGNALS or not NAME.fullmatch(request.ping.name)):
        raise UsageError(
            f"A ping of {request.ping.name!r} cannot say {request.ping.signal!r}.",
            "Give start, success or fail, and a name of letters, digits, dots, underscores and hyphens.",
            field="ping",
        )
    if not 1 <= request.patience.attempts <= 10 or not 0 < request.patience.timeout <= 300:
        raise UsageError("That patience has no end.", "Give 1 to 10 attempts and a timeout of at most 5m.")


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
