# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that writes the runbook of an inventory."""

from __future__ import annotations

import typing as t

from ..module_utils._engine.operations.kit import runbook

DOCUMENTATION = r"""
name: recovery_runbook
short_description: Write the runbook of an inventory
version_added: 0.1.0
author: Lifeboat contributors
description:
  - Makes docs/runbook.md into the page of one inventory, with its plans and their commands, its hosts, its recovery
    points and the people to call.
positional: facts
options:
  _input:
    description: The text of docs/runbook.md.
    type: str
    required: true
  facts:
    description:
      - C(application), C(command), the beginning of each command line, and C(store); C(hosts), each a list of
        name, address and groups; C(spares), C(contacts) and C(objectives) as in the inventory; C(plans) as
        P(lifeboat.recovery.recovery_plans#lookup) has them.
      - C(points), each with C(component), C(backup_id), C(finished) and C(restore_tested), if the store was read.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the runbook
  ansible.builtin.debug:
    msg: "{{ general | lifeboat.recovery.recovery_runbook({'application': 'shop', 'command': 'ansible-playbook'}) }}"
"""

RETURN = r"""
_value:
  description: The runbook as Markdown.
  type: str
"""


def recovery_runbook(general: str, facts: dict[str, t.Any]) -> str:
    """Return the runbook as Markdown."""
    hosts = [dict(zip(("name", "address", "groups"), each, strict=True)) for each in facts.get("hosts", ())]
    return runbook.text(general, runbook.Facts(**{**facts, "hosts": hosts}))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"recovery_runbook": recovery_runbook}
