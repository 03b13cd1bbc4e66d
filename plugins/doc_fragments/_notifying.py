# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is sent to whom, of module notify. Kept equal to plugins/module_utils/_notifying.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The channels, an event and alarms of the caller's, and the ping."""

    DOCUMENTATION = r"""
options:
  channels:
    description: The channels that notifications are sent to.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The name of the channel - letters, digits, dots, underscores and hyphens. What it was sent is remembered by
            this name.
        type: str
        required: true
      url:
        description:
          - A web address, which gets a JSON body, or an Apprise URL. It often holds tokens, so a file is preferred.
        type: str
      url_file:
        description:
          - A file on the host with the URL on its first line, readable by its owner only. Without it and
            O(channels.url) it is C(notify-NAME.url) in O(url_dir).
        type: path
      events:
        description: Events, as names or shell-style patterns, or V(all).
        type: list
        elements: str
        default: [all]
      minimum_severity:
        description: The lowest severity that is sent.
        type: str
        choices: [info, warning, critical]
        default: info
      format:
        description:
          - V(json) is the whole body, V(json_short) one of few fields; both need a web address. V(text) and V(markdown)
            go by Apprise.
          - V(auto) is V(json) for a web address that Apprise does not know as a service's, and V(text) otherwise.
        type: str
        choices: [auto, text, markdown, json, json_short]
        default: auto
      tables:
        description: Whether names of tables are sent. Otherwise they are left out, in error messages too.
        type: bool
        default: false
      ca_cert:
        description: Certificate authorities of this receiver, instead of O(ca_cert).
        type: path
      hmac_key_file:
        description: A file with the key that JSON bodies are signed with in the header C(X-Lifeboat-Signature-256).
        type: path
      bearer_token_file:
        description: A file with the token of the header C(Authorization) of JSON bodies.
        type: path
  event:
    description: An event of your own, sent at once to the channels that subscribe to it.
    type: dict
    suboptions:
      name:
        description: Which event, one of those in docs/notifications.md. V(test) goes to every channel.
        type: str
        required: true
      text:
        description: What happened, in a sentence.
        type: str
      remedy:
        description: What to do next. The default is that of the event.
        type: str
      severity:
        description: How bad it is. The default is that of the event.
        type: str
        choices: [info, warning, critical]
      component:
        description: What it is about, such as C(main/shop).
        type: str
      backup_id:
        description: Which backup it is about.
        type: str
      tables:
        description: Names of tables, for channels that may get them.
        type: list
        elements: str
      rows:
        description: How many rows it is about.
        type: int
      unless_logged:
        description:
          - For an event of failure. It is not sent to a channel that gets, in the same run, a failure or a refusal of
            the same kind of work from the audit log, because that one says why.
        type: bool
        default: false
  alarms:
    description:
      - All alarms of this moment, an empty list if there are none. Each is sent once, and again when it becomes more
        severe and after O(remind_after). Its end is sent too.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the alarm.
        type: str
        required: true
      text:
        description: The problem, in a sentence.
        type: str
        required: true
      severity:
        description: How bad it is.
        type: str
        choices: [info, warning, critical]
        default: critical
      remedy:
        description: What to do next.
        type: str
        default: ''
  checks:
    description:
      - The C(checks) that module M(lifeboat.recovery.backup_doctor) returns. Those that are not V(ok) are the alarms of
        this moment, V(failed) ones critical and others warnings. While one is V(failed), only an V(ok) ends an alarm,
        because it may have kept other checks from being made. Mutually exclusive with O(alarms).
    type: list
    elements: dict
  ping:
    description: A dead man's switch, such as healthchecks.io or a server of your own, that misses a job that never ran.
    type: dict
    suboptions:
      name:
        description: What the job is called.
        type: str
        default: job
      url:
        description: The web address of the job.
        type: str
      url_file:
        description:
          - A file on the host with that address on its first line, readable by its owner only. Without it and
            O(ping.url) it is C(ping-NAME.url) in O(url_dir).
        type: path
      signal:
        description: V(start) adds C(/start) to the address, V(fail) adds C(/fail).
        type: str
        choices: [start, success, fail]
        required: true
      text:
        description: The body of the ping. By default, that of V(fail) is the last failure in the audit log.
        type: str
        default: ''
  url_dir:
    description: Where the files with the URLs of channels and pings lie that name none themselves.
    type: path
    default: /etc/lifeboat/keys
"""
