# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
One message to one channel: worded as the channel wants it, sent within its time, and sent again a few times if that
may help.
"""

from __future__ import annotations

import typing as t

from ...drivers.channels import cutoff, services, webhook
from ...drivers.channels.address import Undelivered, read_secret
from ...records.notifications import body as notice_body
from ...records.notifications import text as notice_text

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ...drivers.channels.address import Address
    from ...ground.model import World
    from ...records.notifications.channels import Channel
    from ...records.notifications.notification import Notification
    from ...records.notifications.request import Patience

FIRST_PAUSE = 2.0
FACTOR = 4.0
"""Each pause before another attempt is so many times as long as the one before."""


def posts(channel: Channel, address: Address) -> bool:
    """Whether a channel is a machine that gets a JSON body, and not people who get words."""
    if channel.format == "auto":
        return address.web and not services.knows(address)
    return channel.format in {"json", "json_short"}


def deliver(channel: Channel, address: Address, notice: Notification, patience: Patience, world: World) -> None:
    """
    Send a notice. Raise Undelivered, without anything of the URL, when no attempt succeeds.

    Raise UsageError for a file that cannot be used, MissingLibrary for a service that only Apprise knows.
    """
    key = read_secret(channel.hmac_key_file, f"channel {channel.name}") if channel.hmac_key_file else ""
    token = read_secret(channel.bearer_token_file, f"channel {channel.name}") if channel.bearer_token_file else ""

    def post() -> None:
        body = notice_body.encode(notice, short=channel.format == "json_short")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-Lifeboat-Event": notice.event,
            "X-Lifeboat-Delivery": notice.delivery,
        }
        trust = webhook.Trust(channel.ca_cert)
        webhook.post(address, body, headers, key=key, token=token, trust=trust, timeout=patience.timeout)

    def tell() -> None:
        markdown = channel.format == "markdown"
        body = notice_text.markdown(notice) if markdown else notice_text.text(notice)
        subject = notice_text.subject(notice)
        services.send(address, subject, body, severity=notice.severity, markdown=markdown, timeout=patience.timeout)

    by_post = posts(channel, address)
    if by_post and not address.web:
        raise Undelivered("A JSON body needs an http or https URL.", "Use an https URL, or another format.", final=True)
    if not by_post:
        services.ready()
    persist(post if by_post else tell, address, patience, world, ca_cert=channel.ca_cert)


def persist(
    work: Callable[[], None], address: Address, patience: Patience, world: World, *, ca_cert: str | None
) -> None:
    """Do what sends, again after a pause while that may help. Raise the last Undelivered, its texts masked."""
    environ = {**world.environ, **services.authorities(ca_cert)}
    pause = FIRST_PAUSE
    for left in reversed(range(patience.attempts)):
        try:
            cutoff.within(patience.timeout, work, environ)
            return
        except Undelivered as exc:
            if exc.final or not left:
                raise Undelivered(address.mask(exc.cause), address.mask(exc.remedy), final=exc.final) from None
        world.sleep(pause)
        pause *= FACTOR
