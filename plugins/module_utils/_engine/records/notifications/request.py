# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What module notify is asked for: what is sent to whom, and how patiently. What can never work is refused."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ...drivers.channels import webhook
from ...ground.errors import UsageError
from ...ground.host_state import DIRECTORY
from . import notification
from .channels import FORMATS, Channel

if t.TYPE_CHECKING:
    from .contacts import Contact
    from .notification import Notification
    from .pending import Alarm

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How often a message is tried, and how many seconds one attempt may take."""

    attempts: int = 3
    timeout: float = 10.0


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
    What to send: with `history` what the audit log holds since the last message to each channel; the state of `alarms`,
    None when nobody looked; and one `notice` of the caller's.

    A channel that was never sent anything begins `lookback` seconds ago. More than `summarise_above` events become
    one message for people; a machine gets each, up to a hundred. An alarm that lasts is sent again after
    `remind_after` seconds. Urgent notices say which of the `contacts` to call. With `over`, only these of the alarms
    that are gone are over. With `unless_logged` the notice says that something failed, and is left out where the audit
    log says it better.
    """

    channels: tuple[Channel, ...] = ()
    application: str | None = None
    history: bool = True
    notice: Notification | None = None
    unless_logged: bool = False
    alarms: tuple[Alarm, ...] | None = None
    over: tuple[str, ...] | None = None
    ping: Ping | None = None
    patience: Patience = dataclasses.field(default_factory=Patience)
    lookback: float = 900.0
    summarise_above: int = 5
    remind_after: float = 72000.0
    ca_cert: str | None = None
    contacts: tuple[Contact, ...] = ()
    state_dir: str | None = DIRECTORY
    host: str = ""
    user: str = ""


def check(request: NotifyRequest) -> None:
    """Raise UsageError for options that can never work."""
    names = [channel.name for channel in request.channels]
    for name in names:
        if not NAME.fullmatch(name) or names.count(name) > 1:
            raise UsageError(
                f"The name of the channel {name!r} is invalid or used twice.",
                "Use a different name for each, of letters, digits, dots, underscores and hyphens.",
                field="channels.name",
            )
    for channel in request.channels:
        notification.check_patterns(channel.events, f"channels.{channel.name}.events")
        if channel.format not in FORMATS or channel.minimum_severity not in notification.SEVERITIES:
            raise UsageError(
                f"The channel {channel.name} has an unknown format or severity.",
                f"Use one of {', '.join(FORMATS)}, and one of {', '.join(notification.SEVERITIES)}.",
                field="channels",
            )
    alarms = [alarm.name for alarm in request.alarms or ()]
    if len(set(alarms)) < len(alarms):
        raise UsageError("Two alarms have the same name.", "Use a different name for each.", field="alarms")
    if request.ping and (request.ping.signal not in webhook.SIGNALS or not NAME.fullmatch(request.ping.name)):
        raise UsageError(
            f"A ping of {request.ping.name!r} has no signal {request.ping.signal!r}.",
            "Use start, success or fail, and a name of letters, digits, dots, underscores and hyphens.",
            field="ping",
        )
    if not 1 <= request.patience.attempts <= 10 or not 0 < request.patience.timeout <= 300:
        raise UsageError("attempts must be 1 to 10, and timeout at most 5m.", "Correct these options.")
