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
positional: recovery, ended, approvals, check
options:
  _input:
    description: The plan, with its steps.
    type: dict
    required: true
  recovery:
    description: How the recovery stood before this run, as M(lifeboat.recovery.recovery_journal#module) returned it.
    type: dict
    required: true
  ended:
    description: The steps that ended in this run.
    type: list
    elements: dict
    required: true
  approvals:
    description: What is to be decided, by the steps that wait for an approval.
    type: dict
    required: true
  check:
    description: Whether this is check mode, which shows what will wait.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Report the steps
  ansible.builtin.debug:
    msg: "{{ plan | lifeboat.recovery.recovery_table(recovery, ended, approvals) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def recovery_table(
    plan: dict[str, t.Any],
    recovery: dict[str, t.Any],
    ended: list[t.Any],
    approvals: dict[str, str],
    check: bool = False,
) -> list[str]:
    """Return the lines of the table."""
    return _stages.table(plan, recovery, ended, approvals, check=check)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Any]:
        """Return them by name."""
        return {"recovery_table": recovery_table}
