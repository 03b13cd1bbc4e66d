#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the audit log of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_info
short_description: Read the audit log of a host and check its integrity
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Returns the entries of a period from the audit log in O(state_dir), and checks its hash chain.
  - A broken chain is reported in RV(problems) and as a warning. It does not make the module fail.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.info_module
  - lifeboat.recovery._repository.state_dir
requirements:
  - Python >= 3.11 on the host that runs the module
options:
  period:
    description:
      - A quarter such as V(2026-Q4), a month V(2026-11), a year V(2026), or a range of days such as
        V(2026-10-01..2026-12-31), including the last one.
      - The default is the current quarter.
    type: str
  zone:
    description: The time zone of the period.
    type: str
    default: UTC
  application:
    description: Return only the entries of this application, and those without an application. The default is all.
    type: str
  known:
    description:
      - A known entry, such as RV(head) of an earlier run. If it is missing in the log, or differs, the log was
        truncated or rewritten, which the chain alone cannot show.
    type: dict
    suboptions:
      sequence:
        description: The number of the entry.
        type: int
        required: true
      hash:
        description: Its hash.
        type: str
        required: true
      time:
        description: Its time, which is not checked.
        type: str
  state_dir:
    description: Directory of the audit log of this host.
"""

EXAMPLES = r"""
- name: Read what happened in the last quarter of the year
  lifeboat.recovery.audit_info:
    period: 2026-Q4
  register: audit

- name: Show the restores
  ansible.builtin.debug:
    msg: "{{ audit.entries | selectattr('operation', 'eq', 'restore') }}"
"""

RETURN = r"""
entries:
  description: The entries of the period, oldest first.
  returned: success
  type: list
  elements: dict
  sample:
    - sequence: 17
      time: "2026-11-20T03:00:18.412+00:00"
      operation: backup
      result: ok
      application: shop
      component: main/shop
      backup_id: backup-20261120T030000Z-0123456789abcdef
      host: db1
      user: alice
      reason: scheduled
      seconds: 18.2
      message: one sentence
      facts: {changed: true, os_user: lifeboat, size: 1288490188}
      previous: hash of the entry before
      hash: hash of this one
total:
  description: Number of entries in the log.
  returned: success
  type: int
head:
  description: Number, hash and time of the newest entry.
  returned: when there is one
  type: dict
problems:
  description: Problems of the chain, the first broken link first. Empty if it is intact.
  returned: success
  type: list
  elements: str
verified:
  description: Whether the chain is intact.
  returned: success
  type: bool
period:
  description: Name of the period.
  returned: success
  type: str
since:
  description: Beginning of the period.
  returned: success
  type: str
until:
  description: End of the period, exclusive.
  returned: success
  type: str
zone:
  description: The time zone of the period.
  returned: success
  type: str
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, state_dir
from ..module_utils._engine.operations.audit.reading import ReadRequest, known_hash, read
from ..module_utils._module import Given, run

KNOWN = {
    "sequence": {"type": "int", "required": True},
    "hash": {"type": "str", "required": True},
    "time": {"type": "str"},
}
SPEC = ArgumentSpec(
    {
        "period": {"type": "str"},
        "zone": {"type": "str", "default": "UTC"},
        "application": {"type": "str"},
        "known": {"type": "dict", "options": KNOWN},
    }
)


def request(given: Given) -> ReadRequest:
    """Return the options as the engine takes them."""
    return ReadRequest(
        state_dir=given["state_dir"],
        period=given["period"] or "",
        zone=given["zone"],
        application=given["application"] or "",
        known=known_hash(given["known"]),
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(state_dir()), request, read)


if __name__ == "__main__":
    main()
