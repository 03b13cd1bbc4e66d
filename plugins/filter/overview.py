# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that makes one table of what all hosts of a play came to."""

from __future__ import annotations

import typing as t

from ..plugin_utils._overview import lines

DOCUMENTATION = r"""
name: overview
short_description: Summarize the results of all hosts in one table
version_added: 0.1.0
author: Lifeboat contributors
description:
  - Makes the table that playbooks of this collection end with - a row for each database of each host, those that failed
    first, and below it the summary of each host.
positional: kind, results, failures
options:
  _input:
    description: The names of the hosts.
    type: list
    elements: str
    required: true
  kind:
    description: The kind of the job.
    type: str
    choices: [backup, physical, pitr, rescue, restore, validate, verify]
    required: true
  results:
    description: The registered result of each host, in the same order. It is empty for a host without a result.
    type: list
    elements: dict
    required: true
  failures:
    description: Why each host failed, in the same order; empty for a host that did not.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Report results
  run_once: true
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts_all | lifeboat.recovery.overview('backup', results, failures) }}"
  vars:
    results: "{{ ansible_play_hosts_all | map('extract', hostvars) | map(attribute='backup_result', default={}) }}"
    failures: "{{ ansible_play_hosts_all | map('extract', hostvars) | map(attribute='why', default='') }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def overview(hosts: list[str], kind: str, results: list[t.Any], failures: list[t.Any]) -> list[str]:
    """Return the lines of the table."""
    return lines(kind, list(hosts), list(results), list(failures))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"overview": overview}
