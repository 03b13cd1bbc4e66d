#!/usr/bin/python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the report of a recovery."""

from __future__ import annotations

DOCUMENTATION = r"""
module: recovery_report
short_description: Write the report of a recovery
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Writes what the journal of a recovery says as Markdown, as a page of HTML, and as JSON. It shows how long each step
    took, what failed, who approved what, from which backups the data came, which objectives were met, and whom to call.
  - It contacts no host, only the store. If the store cannot be reached, it reads the journal in O(state_dir).
  - The sections C(Root cause) and C(Lessons) at the end are empty. What was written below the first of them is kept
    when the report is written again.
extends_documentation_fragment:
  - lifeboat.recovery._repository
  - lifeboat.recovery._repository.state_dir
  - lifeboat.recovery._repository.requirements
  - lifeboat.recovery._store
  - lifeboat.recovery._keys
  - lifeboat.recovery._contacts
  - lifeboat.recovery._attributes
  - lifeboat.recovery._attributes.actiongroup_recovery
attributes:
  check_mode:
    support: full
  diff_mode:
    support: partial
    details: [Shows the first file of O(formats) that changes.]
  idempotent:
    support: full
options:
  store:
    required: true
  dest:
    description: The directory for the files, which are named by the ID of the recovery. It is created if it is missing.
    type: path
    required: true
  recovery_id:
    description: The ID of the recovery. By default the newest of O(mode).
    type: str
    default: ""
  mode:
    description: Whether the newest recovery or the newest drill is reported, if O(recovery_id) names none.
    type: str
    choices: [recover, drill]
    default: recover
  formats:
    description: What is written.
    type: list
    elements: str
    choices: [markdown, html, json]
    default: [markdown, html, json]
  objectives:
    description:
      - By component C(rto), C(rpo) or both, such as V(2h) and V(15m). A component is that of a step, as in the plan, or
        a database such as V(main/shop). V(database) is all databases.
      - C(rto) is the time from the incident until all steps of the component ended well. C(rpo) is the time before the
        incident whose changes may be lost, since the backup began.
    type: dict
  checklist:
    description:
      - What has to be done, as a list to tick. What the journal shows to be done is ticked.
      - By default the items of docs/recover.md.
    type: list
    elements: dict
    suboptions:
      text:
        description: What has to be done.
        type: str
        required: true
      done_by:
        description: Any of these events of the journal, such as V(close), or types of steps, such as V(start), does it.
        type: list
        elements: str
"""

EXAMPLES = r"""
- name: Report the newest recovery
  lifeboat.recovery.recovery_report:
    application: shop
    store:
      url: s3://example-backups/postgresql
    keys:
      recovery_key_file: /etc/lifeboat/keys/recovery.key
    dest: ~/recoveries
    objectives:
      database:
        rto: 2h
        rpo: 15m
    contacts:
      - role: database administrator
        name: Alice
        phone: "+49 30 123456"
        within: 15m
"""

RETURN = r"""
recovery_id:
  description: The ID of the recovery.
  returned: success
  type: str
paths:
  description: The files of the report.
  returned: success
  type: list
  elements: str
objectives:
  description:
    - Each objective with its C(component), C(kind) (V(rto) or V(rpo)), C(objective_seconds), C(actual_seconds) and
      C(verdict). It is V(open) if the component is not recovered yet, or if no step recovers it.
  returned: success
  type: list
  elements: dict
  sample:
    - component: database
      kind: rto
      objective_seconds: 7200
      actual_seconds: 1520.5
      verdict: met
summary:
  description: The result in one sentence.
  returned: success
  type: str
"""

from ..module_utils._argspec import ArgumentSpec, contacts, repository
from ..module_utils._engine.operations.recover.formats import FORMATS
from ..module_utils._engine.operations.recover.reporting import ReportRequest, report
from ..module_utils._engine.records.recovery import checklist, objectives
from ..module_utils._module import Given, run

ITEM = {"text": {"type": "str", "required": True}, "done_by": {"type": "list", "elements": "str"}}
SPEC = ArgumentSpec(
    {
        "dest": {"type": "path", "required": True},
        "recovery_id": {"type": "str", "default": ""},
        "mode": {"type": "str", "choices": ["recover", "drill"], "default": "recover"},
        "formats": {"type": "list", "elements": "str", "choices": [*FORMATS], "default": [*FORMATS]},
        "objectives": {"type": "dict"},
        "checklist": {"type": "list", "elements": "dict", "options": ITEM},
    }
)


def request(given: Given) -> ReportRequest:
    """Return the options as the engine takes them."""
    return ReportRequest(
        repository=given.repository(),
        **{name: given[name] for name in ("dest", "recovery_id", "mode")},
        formats=given.many("formats"),
        objectives=objectives.parse(given["objectives"] or {}),
        contacts=given.contacts(),
        items=checklist.DEFAULT if given["checklist"] is None else checklist.parse(given.records("checklist")),
    )


WORK = (SPEC.merge(repository(), contacts()), request, report)


def main() -> None:
    """Run the module."""
    run(*WORK)


if __name__ == "__main__":
    main()
