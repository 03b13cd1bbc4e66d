#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell what an audit report says about several hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_report
short_description: Tell what an audit report says about several hosts
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Makes one report of what M(lifeboat.recovery.audit_info) read on several hosts. It says who did what, when and why,
    what failed, what was deleted, which backups were proved to restore, and whether each host's log is whole. Playbook
    C(lifeboat.recovery.audit_report) makes Markdown and HTML of it.
  - A host whose log is broken or missing is told first, and is a warning. It does not make the module fail.
  - The file C(heads.json) in O(dest) keeps the newest hash of each log. The next report checks the logs against it, so
    a log that was cut or written anew shows. The head of a broken log does not replace the one that was known.
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
      - Every report says when it was made.
requirements:
  - Python >= 3.11 on the host that runs the module
options:
  hosts:
    description:
      - For each host by its name, the result of M(lifeboat.recovery.audit_info). A result without entries, as of a host
        that could not be reached, makes the report say that its log is missing.
    type: dict
    required: true
  dest:
    description: The directory for the report and C(heads.json). It is made if it is missing.
    type: path
    required: true
  csv:
    description: Write every entry as CSV there, which is safe to open in a spreadsheet.
    type: bool
    default: true
  period:
    description: The period, as M(lifeboat.recovery.audit_info) takes it. By default, the quarter that it is now.
    type: str
  zone:
    description: The time zone that the days of the period are counted in.
    type: str
    default: UTC
  application:
    description: The application that the report is about, for its title and the names of its files.
    type: str
  requested_by:
    description: Who the report was made for. It is stated in it.
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
  description: The files of the report, without what their names end in, such as C(.csv).
  returned: success
  type: str
title:
  description: The title of the report.
  returned: success
  type: str
about:
  description: What the report is about, when it was made, and for whom.
  returned: success
  type: str
sections:
  description:
    - The parts of the report. Without C(rows), a part is only C(text). All of it is text, and no markup.
  returned: success
  type: list
  elements: dict
  sample:
    - title: Who acted
      text: []
      columns: [Who, Operation, Entries]
      rows: [[alice, restore, "2"]]
verified:
  description: Whether the log of every host is there and whole.
  returned: success
  type: bool
hosts:
  description: For each host its C(name), how many C(entries) it handed in, C(problems) of its log, and C(error).
  returned: success
  type: list
  elements: dict
entries:
  description: How many entries the report is about.
  returned: success
  type: int
period:
  description: The period by its name.
  returned: success
  type: str
summary:
  description: The same in one sentence, for a log.
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
