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
import typing as t

from ...drivers.channels import webhook
from ...drivers.channels.address import Undelivered, read_address
from ...ground.errors import Busy, MissingLibrary, StoreError, UsageError
from ...ground.model import Outcome
from ...ground.units import human_count
from ...records.anomalies.backup_figures import Statistics
from ...records.audit import log as audit
from ...records.notifications import body as notice_body
from ...records.notifications import notification
from ...records.notifications import text as notice_text
from ...records.notifications.memory import DeliveryState, Memory
from ...records.notifications.pending import History, Pending, Rules, history, pending
from ...records.notifications.request import check
from .delivery import deliver, persist, posts

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...drivers.channels.address import Address
    from ...ground.errors import RecoveryError
    from ...ground.model import World
    from ...records.notifications.channels import Channel
    from ...records.notifications.notification import Notification
    from ...records.notifications.request import NotifyRequest, Ping

RECENT = datetime.timedelta(days=1)
"""How old the failure may be that a ping tells of."""

TURN = datetime.timedelta(minutes=2)
"""How long a channel may take for its messages before the rest waits for the next run."""


def notify(request: NotifyRequest, world: World) -> Outcome:
    """Send. Raise UsageError for options that can never work; whatever goes wrong on the way is in the outcome."""
    check(request)
    work = _Work(request, world)
    if request.ping:
        work.ping(request.ping)
    if request.channels:
        work.tell_all()
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
                raise UsageError("The ping's URL is not an http or https URL.", "Use an https URL.", field="ping")
            if not self._world.dry_run:
                self._ping(address, ping)
        except (Undelivered, UsageError) as exc:
            self.pinged["error"] = str(exc)
            self.warnings.append(f"The ping could not be sent. {exc}")

    def _ping(self, address: Address, ping: Ping) -> None:
        trust, patience = webhook.Trust(self._request.ca_cert), self._request.patience
        message = ping.message or (self._failure() if ping.signal == "fail" else "")

        def work() -> None:
            webhook.ping(address, ping.signal, message, trust=trust, timeout=patience.timeout)

        persist(work, address, patience, self._world, ca_cert=self._request.ca_cert)

    def _failure(self) -> str:
        """Return what failed last; where the caller says what kind of work it was, of that kind."""
        request, since = self._request, self._world.now() - RECENT
        supposed = request.notice if request.unless_logged else None
        try:
            entries = audit.AuditLog(request.state_dir).entries(since=since, application=request.application)
            failures = [notice for notice in map(notification.from_entry, entries) if notice and notice.went_wrong]
        except StoreError as exc:
            self.warnings.append(f"The ping does not say what failed. {exc}")
            failures = []
        if supposed:
            failures = [notice for notice in failures if notice.kind.group == supposed.kind.group] or [supposed]
        return notice_text.text(notification.redact(failures[-1])) if failures else ""

    def tell_all(self) -> None:
        """Tell the channels, alone; if that cannot be, only what the caller says."""
        memory = Memory(self._request.state_dir)
        try:
            with memory.held(self._world.sleep, dry_run=self._world.dry_run):
                self.tell(memory)
        except (Busy, StoreError) as exc:
            self.warnings.append(f"Earlier events are not sent now. {exc}")
            self.tell(None)

    def tell(self, memory: Memory | None) -> None:
        """Tell each channel what it has not heard; without a memory, only the notice of the caller."""
        request, now = self._request, self._world.now()
        rules = Rules(
            now=now,
            since=now - datetime.timedelta(seconds=request.lookback),
            summarise_above=request.summarise_above,
            remind_after=request.remind_after,
            over=request.over,
            unless_logged=request.unless_logged,
            application=request.application or "",
            host=request.host,
        )
        if memory and memory.damaged:
            self.warnings.append(f"{memory.path} is corrupted: notifications start anew.")
        if memory and memory.path is None and request.state_dir:
            self.warnings.append(f"{request.state_dir} is not a directory, so the events of this host are unknown.")
        remembers = memory is not None and memory.path is not None
        told = [self._told(memory, channel) for channel in request.channels]
        happened = None
        if request.history and remembers:
            happened = history(self._entries(), told, rules)
            happened = dataclasses.replace(happened, tables=self._tables(happened))
        alarms = request.alarms if remembers else None
        for channel, known in zip(request.channels, told, strict=True):
            address = self._address(channel)
            fitting = self._fitting(rules, channel, address)
            waiting = pending(channel, known, happened, alarms, request.notice, rules=fitting)
            self.warnings += waiting.warnings
            if waiting.begins:
                self.begun.append(channel.name)
            if address:
                self._send(channel, address, known, waiting, memory)
            self._note(memory)

    def _address(self, channel: Channel) -> Address | None:
        """Return where a channel is, None when it cannot be told."""
        try:
            return channel.address()
        except UsageError as exc:
            self._fail(channel, "", exc)
            return None

    @staticmethod
    def _fitting(rules: Rules, channel: Channel, address: Address | None) -> Rules:
        """Return the rules for one channel: a machine that waits for one event would not find it in a summary."""
        if address is None or not posts(channel, address):
            return rules
        return dataclasses.replace(rules, summarise_above=max(rules.summarise_above, notice_body.MOST_PARTS))

    def _entries(self) -> Iterator[audit.Entry]:
        """Yield what the audit log holds of this application, and of the host as a whole, such as of its keys."""
        application = self._request.application
        for entry in audit.AuditLog(self._request.state_dir).entries():
            if not application or entry.application in {application, ""}:
                yield entry

    def _tables(self, happened: History) -> dict[str, tuple[str, ...]]:
        """Return the names of the tables in the backups of these entries, if a channel may get them."""
        if not any(channel.tables for channel in self._request.channels):
            return {}
        applications = {entry.application for entry in happened.entries if entry.backup_id}
        known = Statistics(self._request.state_dir)
        return {
            figures.backup_id: tuple(sorted(figures.tables))
            for application in sorted(applications)
            for figures in known.of(application)
        }

    def _told(self, memory: Memory | None, channel: Channel) -> DeliveryState:
        """Return what a channel was told. Two applications of one host may each have a channel of that name."""
        if memory is None:
            return DeliveryState()
        application = self._request.application
        return memory.channels.setdefault(
            f"{application}/{channel.name}" if application else channel.name, DeliveryState()
        )

    def _send(
        self, channel: Channel, address: Address, told: DeliveryState, waiting: Pending, memory: Memory | None
    ) -> None:
        """Send to one channel until a message does not arrive or its turn is over; note each one that arrives."""
        world, until = self._world, self._world.now() + TURN
        try:
            for step in waiting.steps:
                if step.notice and not world.dry_run:
                    if world.now() > until:
                        raise Undelivered("The receiver is slow: the remaining messages are sent by the next run.")
                    urgent = notification.escalated(step.notice, self._request.contacts)
                    deliver(channel, address, urgent, self._request.patience, world)
                if step.notice:
                    self._report(channel, address.shown, step.notice)
                step.note(told)
                if step.notice:
                    self._note(memory)
        except (Undelivered, UsageError, MissingLibrary) as exc:
            self._fail(channel, address.shown, exc)

    def _fail(self, channel: Channel, target: str, error: RecoveryError) -> None:
        self.failed.append({"name": channel.name, "target": target, "error": str(error)})
        self.warnings.append(f"The channel {channel.name} was not notified. {error}")

    def _report(self, channel: Channel, target: str, notice: Notification) -> None:
        entry = {"channel": channel.name, "target": target, "event": notice.event}
        entry["subject"] = notice_text.subject(notice)
        if self._world.dry_run:
            entry["message"] = notice_text.text(notification.escalated(notice, self._request.contacts))
        self.sent.append(entry)

    def _note(self, memory: Memory | None) -> None:
        if memory is None or self._world.dry_run:
            return
        try:
            memory.note()
        except StoreError as exc:
            self.warnings.append(f"What was sent could not be recorded, so it will be sent again. {exc}")

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
            self.warnings.append(f"This run could not be written to the audit log. {exc}")

    def _summary(self) -> str:
        channels = human_count(len({item["channel"] for item in self.sent}), "channel")
        verb = "would be sent" if self._world.dry_run else "sent"
        said = f"{human_count(len(self.sent), 'message')} {verb} to {channels}."
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
