# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that makes a table of the steps of a recovery."""

from __future__ import annotations

import typing as t

from ..plugin_utils import _stages

DOCUMENTATION = r"""
name: recovery_table
short_description: Summarize the steps of a recovery in one table
version_added: 0.1.0
author: Lifeboat contributors
description:
  - Makes the table that a recovery ends with, a line for each step of its plan.
positional: settled, ended
options:
  _input:
    description: The plan, with its steps.
    type: dict
    required: true
  settled:
    description: The result of each step that was settled before this run.
    type: dict
    required: true
  ended:
    description: The steps that ended in this run.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Report the steps
  ansible.builtin.debug:
    msg: "{{ plan | lifeboat.recovery.recovery_table(settled, ended) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def recovery_table(plan: dict[str, t.Any], settled: dict[str, str], ended: list[t.Any]) -> list[str]:
    """Return the lines of the table."""
    return _stages.table(plan, settled, ended)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"recovery_table": recovery_table}
