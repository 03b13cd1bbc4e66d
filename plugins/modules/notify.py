#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell people and machines what happened."""

from __future__ import annotations

DOCUMENTATION = r"""
module: notify
short_description: Notify people and machines of events
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Sends the entries of the host's audit log that each channel has not received yet, and an event of your own, to
    webhooks and to services that Apprise supports, such as Slack and mail. It also pings a dead man's switch.
  - A receiver that fails is reported in RV(failed_channels) and as a warning, and notified next time. The module still
    succeeds then; it fails only for invalid options.
  - docs/notifications.md lists the events and shows their bodies.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_audited
  - lifeboat.recovery._contacts
  - lifeboat.recovery._notifying
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.state_dir
attributes:
  check_mode:
    support: full
    details:
      - Nothing is sent or recorded; RV(would_send) shows what would be sent.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - Entries of the audit log are sent once. O(event) and O(ping) are sent with each run.
requirements:
  - Python >= 3.11 on the host that runs the module
  - apprise (channels other than webhooks)
options:
  application:
    description: Send only events of this application. The default is all events of the host.
    type: str
  history:
    description:
      - Whether to send the entries of the audit log in O(state_dir). Each channel has its own position in it.
    type: bool
    default: true
  lookback:
    description: Age of the oldest events that are sent to a new channel.
    type: str
    default: 15m
  summarise_above:
    description:
      - Number of pending events of a channel above which they are sent as one summary. A channel with JSON bodies gets
        up to a hundred single events.
    type: int
    default: 5
  remind_after:
    description:
      - Time after which a lasting alarm is sent again. The default sends it daily, even if the checking job is some
        minutes early.
    type: str
    default: 20h
  attempts:
    description: Number of attempts for a message, with growing pauses.
    type: int
    default: 3
  timeout:
    description: Time limit for one attempt in total.
    type: str
    default: 10s
  ca_cert:
    description: Certificate authorities of the receivers. The default are those of the system.
    type: path
"""

EXAMPLES = r"""
- name: Tell what happened
  lifeboat.recovery.notify:
    application: shop
    channels:
      - name: team
        url_file: /etc/lifeboat/keys/notify-team.url # slack://…, mailtos://…, https://hooks.slack.com/…
        minimum_severity: warning
      - name: dashboard
        url: https://status.example.com/hooks/backup
        hmac_key_file: /etc/lifeboat/keys/dashboard.hmac

- name: Say that a job failed
  lifeboat.recovery.notify:
    history: false
    ping:
      name: backup # its address is in /etc/lifeboat/keys/ping-backup.url
      signal: fail
      text: The disk of the store is full.
"""

RETURN = r"""
sent:
  description:
    - The sent messages, each with C(channel), C(target), C(event) and C(subject). Of a URL only its host is shown.
  returned: always
  type: list
  elements: dict
would_send:
  description: The messages that check mode would send, with their C(message).
  returned: always
  type: list
  elements: dict
failed_channels:
  description: The channels that could not be notified, each with C(name), C(target) and C(error).
  returned: always
  type: list
  elements: dict
ping:
  description: The ping's C(signal), C(target) and C(error), which is empty on success.
  returned: always
  type: dict
begun:
  description: New channels.
  returned: always
  type: list
  elements: str
summary:
  description: The result in one line.
  returned: always
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, contacts, requested_by, state_dir
from ..module_utils._engine.operations.notify.notify import notify
from ..module_utils._engine.records.notifications.request import NotifyRequest, Patience
from ..module_utils._module import Given, run
from ..module_utils._notifying import alarms, channels, notice, options, over, ping

SPEC = ArgumentSpec(
    {
        "application": {"type": "str"},
        "history": {"type": "bool", "default": True},
        "lookback": {"type": "str", "default": "15m"},
        "summarise_above": {"type": "int", "default": 5},
        "remind_after": {"type": "str", "default": "20h"},
        "attempts": {"type": "int", "default": 3},
        "timeout": {"type": "str", "default": "10s"},
        "ca_cert": {"type": "path"},
    }
)


def request(given: Given) -> NotifyRequest:
    """Return the options as the engine takes them."""
    host, account = given.actor()
    return NotifyRequest(
        channels=channels(given),
        application=given["application"],
        history=given["history"],
        notice=notice(given, host),
        unless_logged=bool(given["event"] and given["event"]["unless_logged"]),
        alarms=alarms(given),
        over=over(given),
        ping=ping(given),
        patience=Patience(given["attempts"], given.seconds("timeout") or 0.0),
        lookback=given.seconds("lookback") or 0.0,
        summarise_above=given["summarise_above"],
        remind_after=given.seconds("remind_after") or 0.0,
        ca_cert=given["ca_cert"],
        contacts=given.contacts(),
        state_dir=given["state_dir"] or None,
        host=host,
        user=given["requested_by"] or account,
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(options(), requested_by(), state_dir(), contacts()), request, notify)


if __name__ == "__main__":
    main()
