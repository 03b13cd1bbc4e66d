#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create the content of an audit report about several hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_report
short_description: Create the content of an audit report about several hosts
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Creates a report from the results of M(lifeboat.recovery.audit_info) on several hosts. It shows who did what, when
    and why, what failed, what was deleted, which backups are restore-tested, and whether each host's log is intact.
    Playbook C(lifeboat.recovery.audit_report) writes it as Markdown and HTML.
  - A host with a broken or missing log is reported first, and as a warning. It does not make the module fail.
  - The file C(heads.json) in O(dest) keeps the newest hash of each log. The next report checks the logs against it, so
    a truncated or rewritten log is detected. The head of a broken log does not replace the known one.
extends_documentation_fragment:
  - lifeboat.recovery._attributes
  - lifeboat.recovery._repository.requested_by
attributes:
  check_mode:
    support: full
    details:
      - Writes nothing.
  diff_mode:
    support: full
    details:
      - Shows the verdict, not the files.
  idempotent:
    support: none
    details:
      - Every report contains the time of its creation.
requirements:
  - Python >= 3.11 on the host that runs the module
options:
  hosts:
    description:
      - The results of M(lifeboat.recovery.audit_info) by the names of the hosts. A result without entries, as for an
        unreachable host, is reported as a missing log.
    type: dict
    required: true
  dest:
    description: The directory for the report and C(heads.json). It is created if it is missing.
    type: path
    required: true
  csv:
    description: Write every entry as CSV there, which is safe to open in a spreadsheet.
    type: bool
    default: true
  period:
    description: The period, as in M(lifeboat.recovery.audit_info). The default is the current quarter.
    type: str
  zone:
    description: The time zone of the period.
    type: str
    default: UTC
  application:
    description: The application, for the title of the report and the names of its files.
    type: str
  requested_by:
    description: The person for whom the report is created, who is named in it.
"""

EXAMPLES = r"""
- name: Read the audit logs
  lifeboat.recovery.audit_info:
    period: 2026-Q4
  register: audit
  ignore_unreachable: true

- name: Tell what all hosts did, and write it as CSV
  run_once: true
  delegate_to: localhost
  lifeboat.recovery.audit_report:
    period: 2026-Q4
    dest: ~/audits
    hosts: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'audit'))) }}"
"""

RETURN = r"""
path:
  description: The path of the report's files, without extensions such as C(.csv).
  returned: success
  type: str
title:
  description: The title of the report.
  returned: success
  type: str
about:
  description: Subject of the report, when it was created, and for whom.
  returned: success
  type: str
sections:
  description:
    - The parts of the report. Without C(rows), a part is only C(text). Everything is plain text without markup.
  returned: success
  type: list
  elements: dict
  sample:
    - title: Who acted
      text: []
      columns: [Who, Operation, Entries]
      rows: [[alice, restore, "2"]]
verified:
  description: Whether the log of every host was collected and is intact.
  returned: success
  type: bool
hosts:
  description: For each host its C(name), the number of C(entries), C(problems) of its log, and C(error).
  returned: success
  type: list
  elements: dict
entries:
  description: Number of entries in the report.
  returned: success
  type: int
period:
  description: Name of the period.
  returned: success
  type: str
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, requested_by
from ..module_utils._engine.operations.audit.report import ReportRequest, report
from ..module_utils._module import Given, run

SPEC = ArgumentSpec(
    {
        "hosts": {"type": "dict", "required": True},
        "dest": {"type": "path", "required": True},
        "csv": {"type": "bool", "default": True},
        "period": {"type": "str"},
        "zone": {"type": "str", "default": "UTC"},
        "application": {"type": "str"},
    }
)


def request(given: Given) -> ReportRequest:
    """Return the options as the engine takes them."""
    return ReportRequest(
        hosts=given["hosts"],
        dest=given["dest"],
        period=given["period"] or "",
        zone=given["zone"],
        application=given["application"] or "",
        csv=given["csv"],
        requested_by=given["requested_by"] or "",
    )


def main() -> None:
    """Run the module."""
    run(SPEC.merge(requested_by()), request, report)


if __name__ == "__main__":
    main()
