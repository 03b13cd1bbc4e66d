#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell people and machines what happened."""

from __future__ import annotations

DOCUMENTATION = r"""
module: notify
short_description: Tell people and machines what happened
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Sends what the host's audit log holds since each channel was told last, and an event of your own, to webhooks and to
    whatever Apprise knows, such as Slack and mail. Also pings a dead man's switch.
  - A receiver that fails is reported in RV(failed_channels) and as a warning, and is told next time. The module then
    still succeeds; only options that can never work make it fail.
  - docs/notifications.md lists the events and shows their bodies.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._notifying
  - lifeboat.recovery._repository.requested_by
  - lifeboat.recovery._repository.state_dir
attributes:
  check_mode:
    support: full
    details:
      - Nothing is sent and nothing is remembered; RV(would_send) says what would be.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - What the audit log holds is told once. O(event) and O(ping) are sent with each run.
requirements:
  - Python >= 3.11 on the host that runs the module
  - apprise (channels other than webhooks)
options:
  application:
    description: Tell only what happened to this application. Without it, all that happened on the host.
    type: str
  history:
    description:
      - Whether to tell what the audit log in O(state_dir) holds. Each channel has its own place in it.
    type: bool
    default: true
  lookback:
    description: How far back a channel is told that was never told anything.
    type: str
    default: 15m
  summarise_above:
    description:
      - More events than this, waiting for one channel, become one message. A channel that gets JSON bodies is told each
        of up to a hundred.
    type: int
    default: 5
  remind_after:
    description:
      - After which time an alarm that lasts is told again. The default tells it daily, also when the job that looks is
        some minutes early.
    type: str
    default: 20h
  attempts:
    description: How often a message is tried, with growing pauses.
    type: int
    default: 3
  timeout:
    description: How long one attempt may take, all in all.
    type: str
    default: 10s
  ca_cert:
    description: Certificate authorities of the receivers. The default is the system's.
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
  description: What arrived, each with C(channel), C(target), C(event) and C(subject). Of a URL only its host is shown.
  returned: always
  type: list
  elements: dict
would_send:
  description: The same of what check mode would send, with its C(message).
  returned: always
  type: list
  elements: dict
failed_channels:
  description: The channels that could not be told, each with C(name), C(target) and C(error).
  returned: always
  type: list
  elements: dict
ping:
  description: The ping's C(signal), C(target) and C(error), which is empty when it arrived.
  returned: always
  type: dict
begun:
  description: Channels that were never told anything and begin now.
  returned: always
  type: list
  elements: str
summary:
  description: The same in one line.
  returned: always
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, requested_by, state_dir
from ..module_utils._engine.operations.notify.notification import notify
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
        state_dir=given["state_dir"] or None,
        host=host,
        user=given["requested_by"] or account,
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(options(), requested_by(), state_dir()), request, notify)


if __name__ == "__main__":
    main()
